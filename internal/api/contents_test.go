package api_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// part is a file that is sent: with whatever header a client writes.
type part struct{ field, disposition, kind, bytes string }

// sends posts a multipart body of these parts.
func (w world) sends(t *testing.T, token, operation string, parts ...part) sluicetest.Answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		if p.disposition == "" {
			p.disposition = `form-data; name="` + p.field + `"; filename="x"`
		}
		h.Set("Content-Disposition", p.disposition)
		if p.kind != "" {
			h.Set("Content-Type", p.kind)
		}
		f, err := form.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(f, p.bytes)
	}
	_ = form.Close()
	return w.sendForm(t, token, operation, form.FormDataContentType(), &body)
}

// raw reads bytes of a content.
func (w world) raw(t *testing.T, token, path string) sluicetest.Answer {
	t.Helper()
	return w.Get(t, "/activiti-app/api/enterprise/"+path, "Authorization", "Bearer "+token)
}

// shelf is a world of small contents with an instance of kermit's and its task, and fozzie,
// whom they are no business of.
type shelf struct {
	world
	instance, task, fozzie string
}

func newShelf(t *testing.T, options ...sluicetest.Option) shelf {
	t.Helper()
	w := setup(t, append([]sluicetest.Option{sluicetest.User("fozzie@example.com", "x"), sluicetest.Config(func(c *sluice.Config) {
		c.Process.MaxContent, c.Process.MaxLooseContents, c.Process.MaxLooseBytes = 64<<10, 5, 100<<10
	})}, options...)...)
	instance, task := w.started(t)
	return shelf{w, instance, task, w.token(t, "fozzie@example.com", "x")}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	for name, c := range map[string]struct {
		path    string
		related bool
	}{
		"a task's":                  {"tasks/" + w.task + "/raw-content", false},
		"a task's, related":         {"tasks/" + w.task + "/raw-content?isRelatedContent=true", true},
		"an instance's":             {"process-instances/" + w.instance + "/raw-content", false},
		"an instance's, related":    {"process-instances/" + w.instance + "/raw-content?isRelatedContent=true", true},
		"nobody's":                  {"content/raw", false},
		"nobody's is never related": {"content/raw?isRelatedContent=true", false},
	} {
		a := w.upload(t, w.user, c.path, "file", "notes.txt", []byte("hello"))
		expect(t, name, a, 200, map[string]any{"name": "notes.txt", "mimeType": "text/plain", "simpleType": "content", "relatedContent": c.related, "contentAvailable": true, "link": false,
			"linkUrl": nil, "source": nil, "sourceId": nil, "previewStatus": "created", "thumbnailStatus": "unsupported"})
		if by := object(a.JSON, "createdBy"); by["id"] != 1001.0 || !apsDate.MatchString(a.Text("created")) {
			t.Errorf("%s: %s", name, a.Body)
		}
		id := fmt.Sprint(a.JSON["id"])
		if got := w.raw(t, w.user, "content/"+id+"/raw"); got.Status != 200 || got.Body != "hello" || got.Header.Get("Content-Length") != "5" {
			t.Errorf("%s: %d %q", name, got.Status, got.Body)
		}
		expect(t, name+", asked for", w.Call(t, w.user, "GET", "content/"+id, nil), 200, map[string]any{"name": "notes.txt"})
	}
	for _, of := range []string{"tasks/" + w.task, "process-instances/" + w.instance} {
		for query, want := range map[string]float64{"": 2, "?isRelatedContent=true": 1, "?isRelatedContent=false": 1} {
			if strings.HasPrefix(of, "process") {
				want *= 2 // its own and its task's
			}
			if a := w.Call(t, w.user, "GET", of+"/content"+query, nil); a.JSON["total"] != want || a.JSON["size"] != want || a.JSON["start"] != 0.0 {
				t.Errorf("%s%s: %s, want %v", of, query, a.Body, want)
			}
		}
	}
	if a := w.Call(t, w.user, "GET", "process-instances/"+w.instance+"/content?size=1&start=1", nil); a.JSON["size"] != 1.0 || a.JSON["total"] != 4.0 || a.JSON["start"] != 1.0 {
		t.Errorf("a page: %s", a.Body)
	}
	refused(t, "neither", w.Call(t, w.user, "GET", "tasks/"+w.task+"/content?isRelatedContent=perhaps", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
}

func TestUploadsRefused(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	for _, path := range []string{"tasks/" + w.task + "/raw-content", "process-instances/" + w.instance + "/raw-content", "content/raw"} {
		for name, parts := range map[string][]part{"no part": nil, "a part of another name": {{field: "data", bytes: "x"}}, "no name": {{disposition: `form-data; name="file"`, bytes: "x"}},
			"an empty name": {{disposition: `form-data; name="file"; filename=""`, bytes: "x"}}, "a path alone": {{disposition: `form-data; name="file"; filename="../.."`, bytes: "x"}}} {
			refused(t, path+", "+name, w.sends(t, w.user, path, parts...), 400, "GENERAL.ERROR.BAD-REQUEST")
		}
		refused(t, path+", JSON alone", w.Call(t, w.user, "POST", path, map[string]any{"name": "x"}), 400, "GENERAL.ERROR.BAD-REQUEST")
		for name, parts := range map[string][]part{"a byte too many": {{field: "file", bytes: strings.Repeat("x", 64<<10+1)}}, "far too many": {{field: "file", bytes: strings.Repeat("x", 1<<20)}},
			"before it": {{field: "other", bytes: strings.Repeat("x", 1<<20)}, {field: "file", bytes: "x"}}} {
			a := w.sends(t, w.user, path, parts...)
			refused(t, path+", "+name, a, 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED")
			if quota := object(a.JSON, "customData")["quota"]; quota != 65536.0 {
				t.Errorf("%s, %s: quota %v", path, name, quota)
			}
		}
		if a := w.sends(t, w.user, path, part{field: "first", bytes: "x"}, part{field: "file", bytes: strings.Repeat("x", 64<<10)}); a.Status != 200 {
			t.Errorf("%s: as much as may be: %d %s", path, a.Status, a.Body)
		}
	}
	for _, op := range []string{"tasks/none/raw-content", "process-instances/none/raw-content"} {
		refused(t, op, w.upload(t, w.user, op, "file", "x", []byte("x")), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	refused(t, "a stranger's, to a task", w.upload(t, w.fozzie, "tasks/"+w.task+"/raw-content", "file", "x", []byte("x")), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "a stranger's, to an instance", w.upload(t, w.fozzie, "process-instances/"+w.instance+"/raw-content", "file", "x", []byte("x")), 404, "GENERAL.ERROR.NOT-FOUND")
	if a := w.Call(t, w.user, "GET", "tasks/"+w.task+"/content", nil); a.JSON["total"] != 1.0 {
		t.Errorf("something of what was refused is there: %s", a.Body)
	}
}

// A name is shown, and never is a path, a header or a lie about what it ends in.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	long := strings.Repeat("é", 300)
	for sent, want := range map[string]string{
		`filename="../../etc/passwd"`: "passwd", `filename="/etc/passwd"`: "passwd", `filename="C:\\temp\\a.txt"`: "a.txt", `filename="a/"`: "a",
		"filename*=UTF-8''a%00b.txt": "ab.txt", "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x.txt": "aSet-Cookie: x.txt", "filename*=UTF-8''%E2%80%AEgpj.exe": "gpj.exe",
		"filename*=UTF-8''..%2F..%2Fx.txt": "x.txt", "filename*=UTF-8''a%22b%3Bc.txt": `a"b;c.txt`, `filename="<b>x.txt"`: "<b>x.txt", "filename*=UTF-8''%E2%82%AC%20rates": "€ rates",
		"filename*=UTF-8''" + url.PathEscape(long+".txt"): strings.Repeat("é", 251) + ".txt", "filename*=UTF-8''a%E2%80%8Fb%E2%81%A6c": "abc",
	} {
		a := w.sends(t, w.user, "tasks/"+w.task+"/raw-content", part{disposition: `form-data; name="file"; ` + sent, bytes: "x"})
		if a.Status != 200 || a.Text("name") != want {
			t.Errorf("%s: %d %q, want %q", sent, a.Status, a.Text("name"), want)
			continue
		}
		raw := w.raw(t, w.user, fmt.Sprintf("content/%v/raw", a.JSON["id"]))
		disposition := raw.Header.Get("Content-Disposition")
		if raw.Status != 200 || raw.Header.Get("Set-Cookie") != "" || !strings.HasPrefix(disposition, `attachment; filename="`) || strings.ContainsAny(disposition, "\r\n\x00") ||
			strings.Count(disposition, `"`) != 2 || !utf8.ValidString(disposition) {
			t.Errorf("%s: %d %q", sent, raw.Status, disposition)
		}
		if _, encoded, _ := strings.Cut(disposition, "filename*=UTF-8''"); encoded == "" || func() string { s, _ := url.PathUnescape(encoded); return s }() != want {
			t.Errorf("%s: %q does not name %q", sent, disposition, want)
		}
	}
}

// Nothing that somebody has sent is answered under a type that a browser runs.
func TestNoActiveTypes(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	const script = `<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>`
	for said, want := range map[string]string{
		"text/html": "text/plain; charset=utf-8", "TEXT/HTML; charset=utf-7": "text/plain; charset=utf-8", "application/xhtml+xml": "application/octet-stream", "image/svg+xml": "application/octet-stream",
		"text/xml": "text/plain; charset=utf-8", "application/xml": "application/octet-stream", "application/javascript": "application/octet-stream", "text/javascript": "text/plain; charset=utf-8",
		"application/vnd.mozilla.xul+xml": "application/octet-stream", "application/x-shockwave-flash": "application/octet-stream", "multipart/x-mixed-replace": "application/octet-stream",
		"message/rfc822": "application/octet-stream", "text/css": "text/plain; charset=utf-8", "image/png": "image/png", "application/pdf": "application/pdf", "video/mp4": "video/mp4",
		"application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text", "image/png, text/html": "text/plain; charset=utf-8", "": "text/plain; charset=utf-8",
		"application/jsonp": "application/octet-stream", "application/json": "application/json", "image/pngx": "application/octet-stream",
	} {
		name := `form-data; name="file"; filename="x"`
		if said == "" {
			name = `form-data; name="file"; filename="x.html"`
		}
		a := w.sends(t, w.user, "tasks/"+w.task+"/raw-content", part{disposition: name, kind: said, bytes: script})
		if a.Status != 200 {
			t.Errorf("%s: %d %s", said, a.Status, a.Body)
			continue
		}
		for _, path := range []string{"raw", "rendition/preview"} {
			raw := w.raw(t, w.user, fmt.Sprintf("content/%v/%s", a.JSON["id"], path))
			if raw.Status == 404 && path != "raw" {
				continue
			}
			h := raw.Header
			if raw.Status != 200 || h.Get("Content-Type") != want || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: %d %v, want %s", said, path, raw.Status, h, want)
			}
		}
	}
}

func TestRenditions(t *testing.T) {
	t.Parallel()
	w := newShelf(t, sluicetest.Config(func(c *sluice.Config) { c.Process.MaxContent = 4 << 20 }))
	draw := func(width, height int) string {
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	text := "a letter\xff" + strings.Repeat("y", 1<<20)
	for name, c := range map[string]struct {
		kind, bytes, told, preview, thumbnail string // what is told of them; the type that comes, or empty for 404
	}{
		"a picture":          {"image/png", draw(300, 200), "created created", "image/png", "image/png"},
		"no picture":         {"image/png", "no picture", "created created", "", ""},
		"too many pixels":    {"image/png", draw(5000, 4001), "created created", "", ""},
		"as many as may be":  {"image/png", draw(5000, 4000), "created created", "image/png", "image/png"},
		"a text":             {"text/plain", text, "created unsupported", "text/plain; charset=utf-8", ""},
		"a page":             {"text/html", "<script>", "created unsupported", "text/plain; charset=utf-8", ""},
		"a PDF":              {"application/pdf", "%PDF-1.4", "created unsupported", "application/pdf", ""},
		"a drawing":          {"image/svg+xml", "<svg/>", "unsupported unsupported", "", ""},
		"whatever":           {"application/zip", "PK", "unsupported unsupported", "", ""},
		"another image type": {"image/webp", "RIFF", "unsupported unsupported", "", ""},
	} {
		a := w.sends(t, w.user, "tasks/"+w.task+"/raw-content", part{field: "file", kind: c.kind, bytes: c.bytes})
		if told := a.Text("previewStatus") + " " + a.Text("thumbnailStatus"); told != c.told {
			t.Errorf("%s: %d %s, want %s", name, a.Status, told, c.told)
		}
		for rendition, want := range map[string]string{"preview": c.preview, "thumbnail": c.thumbnail} {
			got := w.raw(t, w.user, fmt.Sprintf("content/%v/rendition/%s", a.JSON["id"], rendition))
			switch {
			case want == "" && (got.Status != 404 || got.Body != ""):
				t.Errorf("%s, %s: %d %.80q, want none", name, rendition, got.Status, got.Body)
			case want != "" && (got.Status != 200 || got.Header.Get("Content-Type") != want):
				t.Errorf("%s, %s: %d %v, want %s", name, rendition, got.Status, got.Header, want)
			case want == "image/png":
				side := map[string]int{"preview": 1024, "thumbnail": 128}[rendition]
				size, err := png.DecodeConfig(strings.NewReader(got.Body))
				if err != nil || size.Width > side || size.Height > side || size.Width < min(side, 300) {
					t.Errorf("%s, %s: %v %v", name, rendition, size, err)
				}
			}
		}
		if name == "a text" {
			got := w.raw(t, w.user, fmt.Sprintf("content/%v/rendition/preview", a.JSON["id"]))
			if !strings.HasPrefix(got.Body, "a letter\uFFFDy") || len(got.Body) > 1<<20+8 {
				t.Errorf("%d bytes: %.20q", len(got.Body), got.Body)
			}
		}
		refused(t, name, w.Call(t, w.user, "GET", fmt.Sprintf("content/%v/rendition/poster", a.JSON["id"]), nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	for name, c := range map[string]struct {
		body map[string]any
		want map[string]any // nil: it is refused
	}{
		"an address":       {map[string]any{"name": "Shop", "linkUrl": "https://shop.example/x", "link": true, "unknown": 1}, map[string]any{"link": true, "linkUrl": "https://shop.example/x", "contentAvailable": false, "mimeType": "application/octet-stream"}},
		"a document":       {map[string]any{"name": "Plan", "mimeType": "application/pdf", "source": "alfresco-1", "sourceId": "a@b", "link": nil, "linkUrl": nil}, map[string]any{"source": "alfresco-1", "sourceId": "a@b", "link": false, "simpleType": "pdf", "previewStatus": "unsupported"}},
		"nothing":          {map[string]any{"name": "x"}, nil},
		"no name":          {map[string]any{"linkUrl": "https://shop.example/x"}, nil},
		"a script":         {map[string]any{"name": "x", "linkUrl": "javascript:alert(1)"}, nil},
		"a file":           {map[string]any{"name": "x", "linkUrl": "file:///etc/passwd"}, nil},
		"a path":           {map[string]any{"name": "x", "linkUrl": "//shop.example/x"}, nil},
		"too long":         {map[string]any{"name": "x", "linkUrl": "https://shop.example/" + strings.Repeat("x", 4000)}, nil},
		"a long name here": {map[string]any{"name": "x", "source": strings.Repeat("x", 256), "sourceId": "1"}, nil},
	} {
		for path, related := range map[string]bool{"tasks/" + w.task + "/content": true, "process-instances/" + w.instance + "/content": true, "content": false} {
			a := w.Call(t, w.user, "POST", path, c.body)
			if c.want == nil {
				refused(t, path+", "+name, a, 400, "GENERAL.ERROR.BAD-REQUEST")
				continue
			}
			expect(t, path+", "+name, a, 200, c.want)
			if a.JSON["relatedContent"] != related {
				t.Errorf("%s, %s: %s", path, name, a.Body)
			}
			id := fmt.Sprint(a.JSON["id"])
			for _, bytes := range []string{"/raw", "/rendition/preview"} {
				if got := w.raw(t, w.user, "content/"+id+bytes); got.Status != 404 || got.Body != "" {
					t.Errorf("%s, %s%s: %d %q", path, name, bytes, got.Status, got.Body)
				}
			}
		}
	}
	a := w.Call(t, w.user, "GET", "document-runtime?source=alfresco-1&sourceId=a@b", nil)
	if a.JSON["total"] != 3.0 || !strings.Contains(a.Body, `"taskId":"`+w.task+`"`) {
		t.Errorf("%s", a.Body)
	}
	if a := w.Call(t, w.fozzie, "GET", "document-runtime?source=alfresco-1&sourceId=a@b", nil); a.Status != 200 || a.JSON["total"] != 0.0 {
		t.Errorf("a stranger: %s", a.Body)
	}
	refused(t, "which", w.Call(t, w.user, "GET", "document-runtime?source=alfresco-1", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
}

// Who sees an instance or a task sees its contents, and who has brought one takes it away.
func TestWhoseContents(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	boss, _, _, _ := w.muppets(t)
	ofTask := fmt.Sprint(w.upload(t, w.user, "tasks/"+w.task+"/raw-content", "file", "x", []byte("x")).JSON["id"])
	loose := fmt.Sprint(w.upload(t, w.user, "content/raw", "file", "x", []byte("x")).JSON["id"])
	empty(t, "involve", w.Call(t, w.user, "PUT", "tasks/"+w.task+"/action/involve", map[string]any{"userId": 1002}))
	for _, c := range []struct {
		name, token, method, path string
		status                    int
	}{
		{"involved", w.fozzie, "GET", "content/" + ofTask, 200}, {"involved", w.fozzie, "GET", "content/" + ofTask + "/raw", 200},
		{"involved", w.fozzie, "DELETE", "content/" + ofTask, 403},
		{"another", w.fozzie, "GET", "content/" + loose, 403}, {"another", w.fozzie, "GET", "content/" + loose + "/raw", 403},
		{"another", w.fozzie, "GET", "content/" + loose + "/rendition/preview", 403}, {"another", w.fozzie, "DELETE", "content/" + loose, 403},
		{"another tenant's boss", boss, "GET", "content/" + ofTask, 404}, {"another tenant's boss", boss, "DELETE", "content/" + ofTask, 404},
		{"another tenant's boss", boss, "GET", "tasks/" + w.task + "/content", 404}, {"another tenant's boss", boss, "GET", "process-instances/" + w.instance + "/content", 404},
		{"nobody's", w.user, "GET", "content/999999", 404}, {"nobody's", w.user, "DELETE", "content/999999", 404},
		{"no number", w.user, "GET", "content/x", 400}, {"no number", w.user, "DELETE", "content/-1", 400}, {"no number", w.user, "GET", "content/9223372036854775808/raw", 400},
	} {
		a := w.Call(t, c.token, c.method, c.path, nil)
		if a.Status != c.status || c.status >= 400 && a.Text("messageKey") == "" {
			t.Errorf("%s: %s %s: %d %s, want %d", c.name, c.method, c.path, a.Status, a.Body, c.status)
		}
	}
	for _, path := range []string{"content/999999/raw", "content/999999/rendition/preview"} {
		if a := w.raw(t, w.user, path); a.Status != 404 || a.Body != "" {
			t.Errorf("%s: %d %q; APS answers nothing there", path, a.Status, a.Body)
		}
	}
	if err := w.Admin.SetUserActive(t.Context(), "kermit@example.com", false); err != nil {
		t.Fatal(err)
	}
	refused(t, "disabled", w.Call(t, w.user, "GET", "content/"+ofTask, nil), 401, "GENERAL.ERROR.UNAUTHORIZED")
	empty(t, "an administrator takes it away", w.Call(t, w.admin, "DELETE", "content/"+ofTask, nil))
	refused(t, "gone", w.Call(t, w.admin, "GET", "content/"+ofTask, nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

// Uploads that belong to nothing yet are bounded per user; what a task takes is not among them.
func TestQuotaOfUploads(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	send := func(token, path string, size int) sluicetest.Answer {
		return w.upload(t, token, path, "file", "x", make([]byte, size))
	}
	over := func(name string, a sluicetest.Answer, quota float64, says string) {
		t.Helper()
		refused(t, name, a, 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED")
		if object(a.JSON, "customData")["quota"] != quota || !strings.Contains(a.Text("message"), says) {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	first := send(w.user, "content/raw", 60<<10)
	over("bytes", send(w.user, "content/raw", 60<<10), 100<<10, "102400 bytes together")
	for range 4 {
		if a := send(w.user, "content/raw", 1); a.Status != 200 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	over("number", send(w.user, "content/raw", 1), 5, "You have 5 contents")
	over("a link", w.Call(t, w.user, "POST", "content", map[string]any{"name": "x", "linkUrl": "https://shop.example/"}), 5, "You have 5 contents")
	for name, a := range map[string]sluicetest.Answer{"a task's": send(w.user, "tasks/"+w.task+"/raw-content", 60<<10), "somebody else's": send(w.fozzie, "content/raw", 60<<10)} {
		if a.Status != 200 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	empty(t, "delete", w.Call(t, w.user, "DELETE", fmt.Sprintf("content/%v", first.JSON["id"]), nil))
	if a := send(w.user, "content/raw", 60<<10); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
