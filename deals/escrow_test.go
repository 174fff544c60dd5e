package deals_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals"
)

func amount(t *testing.T, s string) big.Int {
	t.Helper()
	a, err := deals.ParseFIL(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newLender opens a market whose wallet has money, and whose escrow has none.
func newLender(t *testing.T, wallet string, opt deals.Options) *market {
	t.Helper()
	m := newPoorMarket(t, 2, opt)
	m.stop()
	addr, err := m.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.net.Faucet(addr, amount(t, wallet), amount(t, "0")); err != nil {
		t.Fatal(err)
	}
	return m
}

// escrow is what the address has in the market, in attoFIL, as the chain says.
func (m *market) escrow() string {
	m.t.Helper()
	addr, err := m.deals.Address(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	body := `{"jsonrpc":"2.0","id":1,"method":"Filecoin.StateMarketBalance","params":["` + addr + `",null]}`
	res, err := http.Post(m.net.RPC(), "application/json", strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Result struct{ Escrow string } }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		m.t.Fatal(err)
	}
	return answer.Result.Escrow
}

// waiting is the reason of the job that fills the escrow.
func (m *market) waiting() string {
	m.t.Helper()
	jobs, err := m.queue.List(m.t.Context(), "escrow")
	if err != nil || len(jobs) > 1 {
		m.t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	for _, j := range jobs {
		return j.Reason
	}
	return ""
}

const oneFIL = "1000000000000000000"

func topUps(t *testing.T, daily, low string) deals.Options {
	return deals.Options{Escrow: deals.EscrowOptions{TopUp: amount(t, "1"), Daily: amount(t, daily), Low: amount(t, low)}}
}

// TestEscrowOff: nothing is moved that nobody asked to be moved.
func TestEscrowOff(t *testing.T) {
	m := newLender(t, "5", deals.Options{})
	m.start()
	m.zone(1, 1, 1<<20)
	m.until("a deal that waits for escrow", 30*time.Second, func() bool {
		return len(m.list(1)) == 1 && strings.Contains(m.list(1)[0].Reason, "escrow of")
	})
	if got := m.escrow(); got != "0" {
		t.Errorf("escrow is %s", got)
	}
}

// TestEscrowForADeal: what a deal lacks is moved, then the deal is made. The
// next payment waits for the day's limit, and says so where the deal waits.
func TestEscrowForADeal(t *testing.T) {
	m := newLender(t, "5", topUps(t, "1", "0"))
	m.start()
	m.zone(1, 2, 1<<20)
	m.until("deals that were paid for", 30*time.Second, m.active(1))
	if got := m.escrow(); got != oneFIL {
		t.Errorf("escrow is %s, want 1 FIL", got)
	}
}

func TestEscrowDailyLimit(t *testing.T) {
	m := newLender(t, "5", topUps(t, "2", "100"))
	m.start()
	m.until("the limit of the day is reached", 30*time.Second, func() bool {
		return strings.Contains(m.waiting(), "waits for the daily limit of 2 FIL until 00:00 UTC")
	})
	m.restart()
	m.until("the limit holds after a restart", 30*time.Second, func() bool { return strings.Contains(m.waiting(), "daily limit") })
	if got := m.escrow(); got != "2000000000000000000" {
		t.Errorf("escrow is %s, want 2 FIL", got)
	}
}

// TestEscrowPoorWallet: what the wallet lacks is told.
func TestEscrowPoorWallet(t *testing.T) {
	m := newLender(t, "0.3", topUps(t, "2", "1"))
	m.start()
	m.until("the wallet is too poor", 30*time.Second, func() bool { return strings.Contains(m.waiting(), "has 0.3 FIL") })
}

// pushed is a fault of a push: what the chain heard of it, and what we heard.
func pushed(reaches bool) pushes {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if reaches {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		w.WriteHeader(http.StatusBadGateway)
	}
}

// TestEscrowPushFails: a push without an answer, be it that the chain has the
// message or not, and a restart then, pay once.
func TestEscrowPushFails(t *testing.T) {
	for name, reaches := range map[string]bool{"not applied": false, "applied": true} {
		t.Run(name, func(t *testing.T) {
			m := newLender(t, "5", topUps(t, "5", "1"))
			var count atomic.Int64
			answer := pushed(reaches)
			f := pushes(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				count.Add(1)
				answer(w, r, next)
			})
			m.push.Store(&f)
			m.start()
			m.until("a push is tried", 30*time.Second, func() bool { return count.Load() > 0 })
			m.restart()
			m.push.Store(nil)
			m.until("paid, and all is well", 30*time.Second, func() bool { return m.waiting() == "enough in escrow" })
			if got := m.escrow(); got != oneFIL {
				t.Errorf("escrow is %s, want 1 FIL", got)
			}
		})
	}
}

// TestEscrowOverBadStore: writes that fail before and after they took effect
// pay neither twice nor never.
func TestEscrowOverBadStore(t *testing.T) {
	m := newLender(t, "5", topUps(t, "5", "1"))
	m.over(failing(m.store, 3))
	m.start()
	awake := func(cond func() bool) func() bool { // the job backs off longer and longer from a store like this
		return func() bool {
			if err := m.queue.Wake(t.Context(), "escrow"); err != nil {
				t.Error(err)
			}
			return cond()
		}
	}
	m.until("paid over a bad store", 30*time.Second, awake(func() bool { return m.escrow() != "0" }))
	m.stop()
	m.over(m.store)
	m.start()
	m.until("paid, and all is well", 30*time.Second, awake(func() bool { return m.waiting() == "enough in escrow" }))
	if got := m.escrow(); got != oneFIL {
		t.Errorf("escrow is %s, want 1 FIL", got)
	}
}

// TestEscrowStuck: a message that the pool holds and no block takes is replaced
// by one that pays more for its gas, under the same nonce.
func TestEscrowStuck(t *testing.T) {
	m := newLender(t, "5", topUps(t, "5", "1"))
	var nonces, premiums []string
	done := make(chan struct{})
	f := pushes(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		var req struct {
			Params []struct {
				Message struct {
					Nonce      json.Number
					GasPremium string
				}
			}
		}
		if err != nil || json.Unmarshal(body, &req) != nil || len(req.Params) != 1 {
			t.Errorf("pushed %s", body)
			return
		}
		msg := req.Params[0].Message
		if len(premiums) == 0 || premiums[len(premiums)-1] != msg.GasPremium {
			nonces, premiums = append(nonces, msg.Nonce.String()), append(premiums, msg.GasPremium)
		}
		if len(premiums) < 2 { // taken, and never heard of again
			io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{"/":"bafy2bzacea3wsdh6y3a36tb3skempjoxqpuyompjbmfeyf34fi3uy6uue42v4"}}`)
			return
		}
		select {
		case <-done:
		default:
			close(done)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
	m.push.Store(&f)
	m.start()
	<-done
	m.until("paid, and all is well", 30*time.Second, func() bool { return m.waiting() == "enough in escrow" })
	if got := m.escrow(); got != oneFIL || nonces[0] != nonces[1] {
		t.Errorf("escrow is %s, want 1 FIL; nonces %v, premiums %v", got, nonces, premiums)
	}
}
