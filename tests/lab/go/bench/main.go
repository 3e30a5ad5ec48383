// Command bench holds what the benchmark needs beside the console that it
// measures: a bare list to measure against, changes at a steady pace, and a
// counter of requests before Vault. It uses the standard library alone, so that
// what is compared with is as bare as it can be.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"list": list, "change": change, "count": count}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench list|change|count [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench "+os.Args[1]+": "+err.Error())
		os.Exit(1)
	}
}

// server is an API server and who asks it.
type server struct {
	url, certificates, user string
}

func (s *server) flags(set *flag.FlagSet) {
	set.StringVar(&s.url, "server", "", "URL of the API server")
	set.StringVar(&s.certificates, "certificates", "", "folder with ca.crt and the client certificates")
	set.StringVar(&s.user, "user", "admin", "whose client certificate is used")
}

// client speaks HTTP/1.1: one request at a time on a connection, no framing
// between the socket and the body.
func (s *server) client() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(s.certificates+"/"+s.user+".crt", s.certificates+"/"+s.user+".key")
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(s.certificates + "/ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots},
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}}, nil
}
