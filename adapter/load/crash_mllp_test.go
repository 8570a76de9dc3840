package load

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

// ways sends every second HL7 message over MLLP, on a connection of its own,
// and all else through a door. The books ask for every message again over HTTP:
// it is the same message, whichever way it came.
type ways struct {
	door
	mllp string // host:port
	sent atomic.Int64
}

// mllpSetting makes a server listen for the HL7 sender.
func mllpSetting(address, sender string) string {
	return "LINKLOOP_MLLP_LISTENERS=[{listen: '" + address + "', sender: " + sender + "}]"
}

func (w *ways) do(ctx context.Context, method, path, contentType, ifMatch string, body []byte) (answer, error) {
	if contentType != typeHL7 || w.sent.Add(1)%2 == 0 {
		return w.door.do(ctx, method, path, contentType, ifMatch, body)
	}
	c, err := wire.Dial(ctx, w.mllp, wire.Options{Connect: 5 * time.Second, Answer: 5 * time.Second})
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	ack, err := c.Send(ctx, body)
	if err != nil {
		return answer{}, err
	}
	if acked(ack) == "CA" { // what came of it follows
		if ack, err = c.Receive(ctx); err != nil {
			return answer{}, err
		}
	}
	a := answer{status: http.StatusBadRequest, body: ack}
	switch acked(ack) {
	case "AA":
		a.status = http.StatusOK
	case "AE": // the messages are well, so that this is a store that cannot take them
		a.status = http.StatusServiceUnavailable
	}
	return a, nil
}
