// Command lab-tool holds the small programs that the lab needs beside the real
// ones: certificates, the network of the cluster, the stand-in for scheduler and
// kubelet, and a supervisor.
package main

import (
	"fmt"
	"os"

	"sealwatch/lab/tools/certs"
	"sealwatch/lab/tools/crilog"
	"sealwatch/lab/tools/keep"
	"sealwatch/lab/tools/network"
	"sealwatch/lab/tools/watch"
)

func main() {
	commands := map[string]func([]string) error{
		"certs":   certs.Main,
		"crilog":  crilog.Main,
		"network": network.Main,
		"watch":   watch.Main,
		"keep":    keep.Main,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: lab-tool certs|crilog|network|watch|keep [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab-tool "+os.Args[1]+": "+err.Error())
		os.Exit(1)
	}
}
