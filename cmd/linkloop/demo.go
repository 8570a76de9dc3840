package main

import (
	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/demo"
)

func demoCommand() *cobra.Command {
	o := demo.Options{}
	cmd := &cobra.Command{Use: "demo", Short: "Play the whole story on example referrals, then keep serving", Args: cobra.NoArgs,
		Long: `Starts linkloop on loopback with a fresh data folder and, beside it, a stand-in
for a GP patient record: a second FHIR endpoint, reached over real HTTP. Plays
the example referrals from the GP system to the patient record and prints the
timeline of each. With --exit it then ends, with status 0 only if every referral
reached its end.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			return demo.Run(cmd.Context(), o)
		}}
	cmd.Flags().BoolVar(&o.Exit, "exit", false, "end after the stories; status 0 only if every referral reached its end")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address to serve")
	cmd.Flags().StringVar(&o.Folder, "data", "", "data folder (default: a new temporary one, removed at the end)")
	return cmd
}
