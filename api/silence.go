package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// silentLook is how long another worker may take for an answer before it is asked for whether it is still there, and the time between
// two such questions.
const silentLook = 2 * time.Second

// errLost ends a request to a worker that is not there any more.
var errLost = errors.New("it has lost its place in the cluster")

// attend gives a context for a request to another worker, which ends when that worker is silent and no member of the cluster any
// more. Whoever is a member may take its time. The function ends the attention.
func (a *Handler) attend(ctx context.Context, h Herder, to string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	if peer, many := h.(Peer); many {
		looking.Go(func() {
			tick := time.NewTicker(a.silentLook)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if peer.Lost(ctx, to) {
					cancel(errLost)
				}
			}
		})
	}
	return ctx, func() {
		cancel(nil)
		looking.Wait()
	}
}

// unanswered says which worker has not answered a request, and why that is the end of it.
func unanswered(ctx context.Context, to string, err error) error {
	const unknown = "whether it has done what was asked is not known: look, and ask again"
	switch {
	case errors.Is(context.Cause(ctx), errLost):
		return &Error{
			Status: http.StatusInternalServerError, RetryAfter: time.Second,
			Message: fmt.Sprintf("IO Error trying to forward REST request: worker %s does not answer, and %v; %s when another has taken its place", to, errLost, unknown),
		}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{
			Status:  http.StatusInternalServerError,
			Message: fmt.Sprintf("Request timed out. Worker %s, to which it was sent on, is a member of the cluster and has not answered; %s", to, unknown),
		}
	}
	return fmt.Errorf("IO Error trying to forward REST request: worker %s: %w", to, err)
}
