package main

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/gateway"
)

// letterCommand writes what may leave of a delivery as a letter, for the person
// who sends by hand what no channel takes.
func letterCommand(c *client) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "letter ID", Short: "Write a delivery as a letter, PDF or HTML, to be sent by hand", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format := "html"
			if strings.HasSuffix(strings.ToLower(file), ".pdf") {
				format = "pdf"
			} else if !strings.HasSuffix(strings.ToLower(file), ".html") {
				return errors.New("--output ends in .pdf or .html")
			}
			var d gateway.DeliveryView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/deliveries/"+url.PathEscape(args[0])+"/leaving", &d); err != nil {
				return err
			}
			b, err := app.Letter(d.Payload, format)
			if err != nil {
				return err
			}
			return os.WriteFile(file, b, 0o600)
		}}
	cmd.Flags().StringVar(&file, "output", "letter.pdf", "file to write; it holds patient data")
	return cmd
}
