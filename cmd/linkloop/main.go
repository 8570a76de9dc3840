// Command linkloop is the adapter and its tools: it serves, plays its demo,
// tests mappings, shows messages and deliveries, and says what is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		var quiet quietError
		if !errors.As(err, &quiet) {
			fmt.Fprintln(os.Stderr, "linkloop:", err)
		}
		os.Exit(1)
	}
}

// root is the command with all its sub-commands.
func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "linkloop",
		Short:         "Closes the loop of social prescribing referrals between GP systems, link workers and the patient record",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       app.Version,
	}
	cmd.AddCommand(serveCommand(), demoCommand(), mappingCommand(), messagesCommand(), receiptsCommand(), deliveriesCommand(), codesCommand(), measuresCommand(),
		timelineCommand(), auditCommand(), sendCommand(), doctorCommand(), configCommand(), loadCommand(), backupCommand(), restoreCommand(), compactCommand())
	return cmd
}

// quietError ends a command with status 1 when everything was said already.
type quietError struct{}

func (quietError) Error() string { return "failed" }
