package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// house starts the whole program on free ports, with data of its own.
func house(t *testing.T, change ...func(*config.Config)) *app.App {
	t.Helper()
	a, _ := started(t, change...)
	return a
}

// started is house with what stops it before the test ends.
func started(t *testing.T, change ...func(*config.Config)) (*app.App, func()) {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	for _, f := range change {
		f(&cfg)
	}
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

// send hands an HL7 v2 message over and returns the status of the answer.
func send(t *testing.T, a *app.App, sender, body string) int {
	t.Helper()
	res, err := http.Post(a.BaseURL()+"/intake/"+sender, "x-application/hl7-v2+er7", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
