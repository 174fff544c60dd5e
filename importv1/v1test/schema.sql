-- The tables of Estuary V1 that are read, as gorm makes them from its models.
-- {id}, {int}, {time}, {text}, {bytes} and {bool} are the types of the database.
CREATE TABLE users (id {id}, created_at {time}, updated_at {time}, deleted_at {time}, uuid {text} UNIQUE, username {text} UNIQUE,
  salt {text}, pass_hash {text}, d_id {text}, user_email {text}, address {text}, perm {int}, flags {int}, storage_disabled {bool});
CREATE TABLE auth_tokens (id {id}, created_at {time}, updated_at {time}, deleted_at {time}, token {text} UNIQUE, token_hash {text} UNIQUE,
  label {text}, "user" {int}, upload_only {bool}, expiry {time}, is_session {bool});
CREATE TABLE invite_codes (id {id}, created_at {time}, updated_at {time}, deleted_at {time}, code {text} UNIQUE, created_by {int}, claimed_by {int});
CREATE TABLE contents (id {id}, created_at {time}, updated_at {time}, deleted_at {time}, cid {bytes}, name {text}, user_id {int}, description {text},
  size {int}, type {int}, active {bool}, offloaded {bool}, replication {int}, aggregated_in {int}, aggregate {bool}, pinning {bool}, pin_meta {text},
  replace {bool} DEFAULT {false}, origins {text}, failed {bool}, location {text}, dag_split {bool}, split_from {int});
CREATE TABLE collections (id {id}, created_at {time}, uuid {text}, name {text}, description {text}, user_id {int}, cid {text});
CREATE TABLE collection_refs (id {id}, created_at {time}, collection {int} NOT NULL, content {int} NOT NULL, path {text} NULL);
CREATE UNIQUE INDEX collection_refs_paths ON collection_refs (path, collection);
CREATE TABLE content_deals (id {id}, created_at {time}, updated_at {time}, deleted_at {time}, content {int}, user_id {int}, prop_cid {bytes},
  deal_uuid {text}, miner {text}, deal_id {int}, failed {bool}, verified {bool}, slashed {bool}, failed_at {time}, dt_chan {text},
  transfer_started {time}, transfer_finished {time}, on_chain_at {time}, sealed_at {time}, deal_protocol_version {text}, miner_version {text});
