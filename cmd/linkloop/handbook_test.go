package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// commands are the command lines in a page: in lines of code and in the text.
var commands = regexp.MustCompile("(?m)^ {4,}(linkloop [a-z][^\n#]*)|`(linkloop [a-z][^`]*)`")

// TestPagesNameCommandsThatExist: every command line of the handbook and of the
// pages of the senders is one that the program takes.
func TestPagesNameCommandsThatExist(t *testing.T) {
	found := 0
	for _, page := range []string{
		"../../mappings/README.md", "../../mappings/emis-extract/README.md", "../../mappings/tpp-srreferralout/README.md",
	} {
		body, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commands.FindAllStringSubmatch(string(body), -1) {
			line := strings.TrimSpace(m[1] + m[2])
			found++
			cmd := root()
			c, rest, err := cmd.Find(strings.Fields(line)[1:])
			if err == nil && c == cmd {
				t.Errorf("%s: %s: there is no such command", page, line)
				continue
			}
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err == nil {
				err = c.ValidateRequiredFlags()
			}
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
	}
	if found < 12 {
		t.Errorf("%d command lines", found)
	}
}
