package main

import (
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

// count passes requests on to Vault and counts them, by method and by the kind of
// path: what is asked of each Vault every second (its seal, its health) apart from
// what is asked about paths. The counts are what GET on the other address gives.
func count(args []string) error {
	set := flag.NewFlagSet("count", flag.ExitOnError)
	listen := set.String("listen", "", "where clients come")
	to := set.String("to", "", "URL of the server")
	tell := set.String("tell", "", "where the counts are told")
	if err := set.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*to)
	if err != nil {
		return err
	}
	var lock sync.Mutex
	counts := map[string]int{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	counting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		counts[r.Method+" "+class(r.URL.Path)]++
		lock.Unlock()
		proxy.ServeHTTP(w, r)
	})
	telling := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		_ = json.NewEncoder(w).Encode(counts)
	})
	// Both listen before either serves, so that an address in use is told at once.
	clients, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	asks, err := net.Listen("tcp", *tell)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(clients, counting) }()
	go func() { ended <- http.Serve(asks, telling) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-ended:
		return err
	case <-stop:
		return nil
	}
}

// class is a path without what differs between objects.
func class(path string) string {
	path = strings.TrimPrefix(path, "/v1/")
	for _, mark := range []string{"/metadata/", "/detailed-metadata/", "/data/", "/subkeys/"} {
		if mount, _, found := strings.Cut(path, mark); found {
			return mount + mark + "…"
		}
	}
	return path
}
