package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// client talks to the operator's API of a running linkloop.
type client struct {
	server, tokenFile string
}

func (c *client) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&c.server, "server", "http://127.0.0.1:8080", "address of the running linkloop")
	cmd.PersistentFlags().StringVar(&c.tokenFile, "token-file", "", "file with the bearer token of an operator; not needed where no clients are configured")
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 32 << 20

// call sends a request and decodes the JSON answer into out.
func (c *client) call(ctx context.Context, method, path string, out any) error {
	return c.send(ctx, method, path, nil, out)
}

// send is call with a body, as JSON; nil is none.
func (c *client) send(ctx context.Context, method, path string, in, out any) error {
	return c.sendWithin(ctx, 30*time.Second, method, path, in, out)
}

// sendWithin is send with another limit to the time it takes.
func (c *client) sendWithin(ctx context.Context, limit time.Duration, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w\nIs linkloop running there? Start it with: linkloop serve, or say with --server where it runs", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return answerError(res, answer)
	}
	return json.Unmarshal(answer, out)
}

// asContent is the query by which content is asked for, which not every operator
// may read.
func asContent(content bool) string {
	if content {
		return "?content=true"
	}
	return ""
}

// refusedError is an answer that is no success.
type refusedError struct {
	code int
	text string
}

func (e *refusedError) Error() string { return e.text }

// answerError words the OperationOutcome of a refusal.
func answerError(res *http.Response, body []byte) error {
	var outcome struct {
		Issue []struct{ Diagnostics string }
	}
	text := res.Status
	if json.Unmarshal(body, &outcome) == nil && len(outcome.Issue) > 0 {
		text += ": " + outcome.Issue[0].Diagnostics
	}
	return &refusedError{res.StatusCode, text}
}
