// The operations as the ServeMux of Go's net/http routes them. Prints a line of JSON, the port by name.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// tier is what a list costs from the values of its parameter.
func tier(values []string) string {
	for _, value := range values {
		if number, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil && number > 2000 {
			return "100"
		}
	}
	return "3"
}

func main() {
	mux := http.NewServeMux()
	fixed := func(pattern, cost string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			price, rest := cost, strings.TrimPrefix(r.URL.Path, pattern)
			if strings.HasSuffix(pattern, "/") && (rest == "" || strings.Contains(rest, "/")) {
				price = "0"
			}
			w.Header().Set("x-served", price)
		})
	}
	list := func(pattern, name string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("x-served", tier(r.URL.Query()[name]))
		})
	}
	fixed("/healthz", "0")
	fixed("/api/v1/tasks/count", "50")
	fixed("/api/v1/tasks/", "2")
	fixed("/api/v1/files/", "7")
	list("/api/v1/tickets", "from")
	list("/api/v1/pages", "page_from")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"go\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(listener, mux))
}
