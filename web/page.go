package main

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/go-chi/chi/v5"
)

//go:embed page
var pageFiles embed.FS

// contentPolicy allows the page its own files and its own API, and nothing else (invariant 5). form-action is there for browsers without
// JavaScript, which send the form itself.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// mountPage serves the embedded page: index.html at /, its other files under their names.
func mountPage(r chi.Router) {
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	for _, f := range files {
		data, err := fs.ReadFile(pageFiles, path.Join("page", f.Name()))
		if err != nil {
			panic(err)
		}
		route := "/" + f.Name()
		if f.Name() == "index.html" {
			route = "/"
		}
		h := pageFile(f.Name(), data)
		r.Get(route, h)
		r.Head(route, h)
	}
}

func pageFile(name string, data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	}
}
