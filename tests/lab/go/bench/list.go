package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// The bookmark that ends the first events of a streaming list.
const end = "k8s.io/initial-events-end"

// list reads the body of a streaming list and does nothing with it. The time runs
// from before the connection is opened.
func list(args []string) error {
	set := flag.NewFlagSet("list", flag.ExitOnError)
	var s server
	s.flags(set)
	path := set.String("path", "/apis/external-secrets.io/v1/externalsecrets", "what to list")
	if err := set.Parse(args); err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	started := time.Now()
	answer, err := client.Get(s.url + *path + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server says %s", answer.Status)
	}
	var first time.Duration
	var read int
	// The end may lie across two reads: the last bytes of one are kept before the next.
	buffer, kept := make([]byte, 256<<10), 0
	for {
		n, err := answer.Body.Read(buffer[kept:])
		if n > 0 && first == 0 {
			first = time.Since(started)
		}
		read += n
		have := buffer[:kept+n]
		if bytes.Contains(have, []byte(end)) {
			break
		}
		if err == io.EOF {
			return fmt.Errorf("the list ended after %d bytes without its bookmark: %s", read, have[max(0, len(have)-400):])
		}
		if err != nil {
			return err
		}
		kept = copy(buffer, have[max(0, len(have)-len(end)):])
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": time.Since(started).Seconds(), "first": first.Seconds(), "bytes": read,
	})
}
