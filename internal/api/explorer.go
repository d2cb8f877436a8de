package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// ExplorerPath is where APS has the page that shows its API.
const ExplorerPath = base + "/api-explorer.html"

// ExplorerFiles is below which address the page's files are.
const ExplorerFiles = base + "/api-explorer/"

// explorerFiles are the page, its script and swagger-ui, which is kept compressed: browsers
// take it so.
//
//go:embed explorer
var explorerFiles embed.FS

// explorerNames are the files that the page needs, as they are kept.
var explorerNames = []string{"explorer.css", "explorer.js", "swagger-ui.css.gz", "swagger-ui-bundle.js.gz"}

// Explorer is how the page that shows the API signs people in.
type Explorer struct {
	Issuer      string // the authorization server
	Client      string // the page's client there, a public one
	Redirect    string // the page's own address
	Scope       string // what it asks for
	Description string // where the OpenAPI document is
}

// explorerFile is a file of the page.
type explorerFile struct {
	kind       string
	bytes      []byte
	compressed bool
}

// NewExplorer returns the page and its files, for ExplorerPath and below ExplorerFiles.
func NewExplorer(x Explorer) (http.Handler, error) {
	files, addresses := map[string]explorerFile{}, map[string]string{}
	for _, name := range explorerNames {
		data, err := explorerFiles.ReadFile("explorer/" + name)
		if err != nil {
			return nil, fmt.Errorf("reading the explorer's files: %w", err)
		}
		plain, packed := strings.CutSuffix(name, ".gz")
		sum := sha256.Sum256(data)
		address := ExplorerFiles + hex.EncodeToString(sum[:6]) + "/" + plain
		files[address] = explorerFile{mime.TypeByExtension(path.Ext(plain)), data, packed}
		addresses[plain] = address
	}
	page, err := x.page(addresses)
	if err != nil {
		return nil, fmt.Errorf("writing the explorer's page: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == ExplorerPath {
			writeExplorer(w, page)
			return
		}
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.write(w, r)
	}), nil
}

func (x Explorer) page(addresses map[string]string) ([]byte, error) {
	t, err := template.ParseFS(explorerFiles, "explorer/explorer.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		Explorer
		Authorize, Token, Revoke string
		Files                    map[string]string
	}{x, x.Issuer + "/oauth/authorize", x.Issuer + "/oauth/token", x.Issuer + "/oauth/revoke", addresses})
	return b.Bytes(), err
}

// writeExplorer answers with the page: its scripts are files of this server, and it talks
// to nobody else.
func writeExplorer(w http.ResponseWriter, page []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(page) // the browser is gone: nothing left to tell
}

// write answers with a file, unpacked for whoever does not take it packed. Its address
// changes with what is in it.
func (f explorerFile) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if !f.compressed {
		_, _ = w.Write(f.bytes)
		return
	}
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.bytes)))
		_, _ = w.Write(f.bytes)
		return
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(f.bytes))
	if err == nil {
		_, err = io.Copy(w, io.LimitReader(unpacked, 16<<20))
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the browser is gone, since a test reads the file
	}
}

// takesGzip reports whether an Accept-Encoding takes it (RFC 9110 §12.5.3).
func takesGzip(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if name = strings.TrimSpace(name); name == "gzip" || name == "*" {
			q := strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}
