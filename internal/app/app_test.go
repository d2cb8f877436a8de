package app_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/fault"
)

// entry is a file of an archive; a nil change leaves its head alone.
type entry struct {
	name, text string
	change     func(*zip.FileHeader)
}

func packed(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.change != nil {
			e.change(h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packedDir packs a directory as APS does: with names that begin at its top.
func packedDir(t testing.TB, dir, prefix string) []byte {
	t.Helper()
	var entries []entry
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		entries = append(entries, entry{name: prefix + filepath.ToSlash(rel), text: string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packed(t, entries...)
}

// An app is the same from its zip, from a zip of the directory, and from the directory.
func TestApp(t *testing.T) {
	t.Parallel()
	read := map[string]func() (*app.App, error){
		"zip": func() (*app.App, error) { return app.Read("x.zip", packedDir(t, "testdata/visit", ""), app.Limits{}) },
		"directory zip": func() (*app.App, error) {
			return app.Read("x.zip", packedDir(t, "testdata/visit", "visit/"), app.Limits{})
		},
		"plain folder": func() (*app.App, error) { return app.ReadFS("visit", os.DirFS("testdata/visit"), app.Limits{}) },
		"windows upload": func() (*app.App, error) {
			return app.Read(`C:\x\y.zip`, packedDir(t, "testdata/visit", ""), app.Limits{})
		},
	}
	for name, fn := range read {
		a, err := fn()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.Name != "Visit" || a.Description != "A patient comes" || a.Theme != "theme-2" || a.Icon != "glyphicon-heart" {
			t.Errorf("%s: %+v", name, a)
		}
		if len(a.Models) != 1 || a.Models[0] != (app.Model{ID: 7, Name: "Visit", Version: 3}) || string(a.Access) != `[{"type":"user","person":{"id":1,"email":"ada@example.com"}}]` {
			t.Errorf("%s: models %+v, access %s", name, a.Models, a.Access)
		}
		want, err := os.ReadFile("testdata/visit/bpmn-models/Visit-7.bpmn20.xml")
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Processes) != 1 || a.Processes[0].Name != "bpmn-models/Visit-7.bpmn20.xml" || !bytes.Equal(a.Processes[0].Bytes, want) {
			t.Errorf("%s: processes %+v", name, a.Processes)
		}
		if len(a.Forms) != 2 || a.Forms[0].ID != 8 || a.Forms[0].Key != "8" || a.Forms[0].ReferenceID != 7 || a.Forms[0].Description != "who" ||
			a.Forms[1].Key != "9" || a.Forms[1].Name != "Shared" || a.Forms[1].ReferenceID != 0 {
			t.Errorf("%s: forms %+v", name, a.Forms)
		}
		if len(a.Decisions) != 1 || a.Decisions[0].ID != 12 || a.Decisions[0].Key != "urgency" || a.Decisions[0].Name != "Urgency" || !a.Decisions[0].JSON {
			t.Errorf("%s: decisions %+v", name, a.Decisions)
		}
		var others []string
		for _, f := range a.Others {
			others = append(others, f.Name)
		}
		if len(a.Stencils) != 1 || fmt.Sprint(others) != "[Visit.json bpmn-models/Visit-7.json data-models/Patients-4.json document-templates/5.docx]" || len(a.Files()) != 9 {
			t.Errorf("%s: others %v, %d files", name, others, len(a.Files()))
		}
	}
}

func TestOtherForms(t *testing.T) {
	t.Parallel()
	xml := "\xef\xbb\xbf <definitions/>"
	for name, want := range map[string]string{"order.bpmn20.xml": "order order.bpmn20.xml", "order.bpmn": "order order.bpmn", "order.xml": "order order.bpmn20.xml", "a/b/order.bpmn": "order order.bpmn"} {
		a, err := app.Read(name, []byte(xml), app.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := a.Name + " " + a.Processes[0].Name; got != want || string(a.Processes[0].Bytes) != xml {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	bar := packed(t, entry{name: "a.bpmn20.xml", text: xml}, entry{name: "deep/b.bpmn", text: xml}, entry{name: "f.form", text: `{"key":"leave","name":"Leave"}`},
		entry{name: "t.dmn", text: xml}, entry{name: "r.drl", text: "rule"}, entry{name: "__MACOSX/._a", text: "x"}, entry{name: "config.json", text: `{"a":1}`})
	a, err := app.Read("orders.bar", bar, app.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "orders" || len(a.Processes) != 2 || len(a.Forms) != 1 || a.Forms[0].Key != "leave" || a.Forms[0].Name != "Leave" ||
		len(a.Decisions) != 1 || a.Decisions[0].JSON || len(a.Others) != 2 {
		t.Errorf("%+v", a)
	}
	old := packed(t, entry{name: "a.bpmn", text: xml}, entry{name: "Old app.json", text: `{"models":[{"id":3,"name":"a"}],"theme":"t"}`})
	if a, err := app.Read("x.zip", old, app.Limits{}); err != nil || a.Name != "Old app" || len(a.Models) != 1 || a.Theme != "t" {
		t.Errorf("an app of APS 1.5: %+v %v", a, err)
	}
	utf16 := []byte{0xff, 0xfe, '<', 0, 'd', 0}
	if a, err := app.Read("u.bpmn", utf16, app.Limits{}); err != nil || !bytes.Equal(a.Processes[0].Bytes, utf16) {
		t.Errorf("UTF-16: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	bpmn := entry{name: "a.bpmn", text: "<definitions/>"}
	named := func(name string) []byte { return packed(t, bpmn, entry{name: name, text: "x"}) }
	mode := func(m fs.FileMode) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.SetMode(m) } }
	cut := packedDir(t, "testdata/visit", "")
	damaged := packed(t, entry{name: "a.bpmn", text: strings.Repeat("<definitions/>", 100), change: func(h *zip.FileHeader) { h.Method = zip.Store }})
	copy(damaged[60:], "XXXX")
	for name, test := range map[string]struct {
		data  []byte
		kind  fault.Kind
		parts []string
	}{
		"dots":           {named("../x"), fault.Invalid, []string{"../x: its name leads out"}},
		"dots inside":    {named("a/../../x"), fault.Invalid, []string{"leads out"}},
		"dot":            {named("./x"), fault.Invalid, []string{"leads out"}},
		"absolute":       {named("/etc/x"), fault.Invalid, []string{"/etc/x: its name is an absolute path"}},
		"drive":          {named("c:/x"), fault.Invalid, []string{"absolute"}},
		"backslash":      {named(`..\x`), fault.Invalid, []string{"backslash"}},
		"control":        {named("a\nb"), fault.Invalid, []string{"a?b: its name holds"}},
		"long":           {named(strings.Repeat("x", 501)), fault.Invalid, []string{"too long"}},
		"not UTF-8":      {packed(t, bpmn, entry{name: "\xff", text: "x", change: func(h *zip.FileHeader) { h.NonUTF8 = true }}), fault.Invalid, []string{"not in UTF-8"}},
		"twice":          {packed(t, bpmn, bpmn), fault.Invalid, []string{"a.bpmn: is there twice"}},
		"link":           {packed(t, bpmn, entry{"l", "/etc/passwd", mode(fs.ModeSymlink | 0o777)}), fault.Invalid, []string{"l: is a link"}},
		"device":         {packed(t, bpmn, entry{"d", "", mode(fs.ModeDevice)}), fault.Invalid, []string{"d: is a link or a device"}},
		"encrypted":      {packed(t, bpmn, entry{"e", "x", func(h *zip.FileHeader) { h.Flags |= 1 }}), fault.Invalid, []string{"e: is encrypted"}},
		"bomb":           {packed(t, bpmn, entry{name: "bomb", text: strings.Repeat("\x00", 3<<20)}), fault.TooLarge, []string{"bomb: is more than 200 times larger"}},
		"cut off":        {cut[:len(cut)-30], fault.Invalid, []string{"cut off"}},
		"damaged":        {damaged, fault.Invalid, []string{"a.bpmn: cannot be unpacked: it is damaged"}},
		"no process":     {packed(t, entry{name: "x.txt", text: "x"}), fault.Invalid, []string{"there is no process"}},
		"empty":          {packed(t), fault.Invalid, []string{"there is no process"}},
		"neither":        {[]byte("hello"), fault.Invalid, []string{"neither a zip archive nor"}},
		"nothing":        {nil, fault.Invalid, []string{"neither a zip archive nor"}},
		"editor's alone": {packed(t, entry{name: "bpmn-models/A-1.json", text: "{}"}), fault.Invalid, []string{"bpmn-models/A-1.json: there is the editor's JSON only", "bpmn-models/A-1.bpmn20.xml"}},
		"two apps":       {packed(t, bpmn, entry{name: "a.json", text: `{"definition":{"models":[]}}`}, entry{name: "b.json", text: `{"definition":{"models":[]}}`}), fault.Invalid, []string{"b.json: describes the app, and a.json does so too"}},
		"all at once": {packed(t, bpmn, entry{name: "form-models/F.json", text: `{"name":"F"}`}, entry{name: "form-models/G-2.json", text: `{`},
			entry{name: "form-models/H-3.json", text: `{}`}, entry{name: "form-models/I-3.json", text: `{}`},
			entry{name: "decision-table-models/D-4.json", text: `{"editorJson":null}`}, entry{name: "x.json", text: "\xff"}, entry{name: "../y", text: ""}),
			fault.Invalid, []string{
				"form-models/F.json: has no key", "form-models/G-2.json: is not JSON", "form-models/I-3.json: has the key 3, as form-models/H-3.json has",
				"decision-table-models/D-4.json: is no decision table", "x.json: is not JSON that can be read: it is not in UTF-8", "../y: its name leads out",
			}},
	} {
		a, err := app.Read("x.zip", test.data, app.Limits{})
		if !fault.Is(err, test.kind) || a != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range test.parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q lacks %q", name, err, part)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	three := packed(t, entry{name: "a.bpmn", text: "<a/>"}, entry{name: "b.bpmn", text: "<bb/>"}, entry{name: "c.bpmn", text: "<ccc/>"})
	for name, test := range map[string]struct {
		limits app.Limits
		part   string
	}{
		"archive": {app.Limits{Archive: 100}, "larger than 100 bytes"},
		"file":    {app.Limits{File: 5}, "c.bpmn: is larger than 5 bytes"},
		"total":   {app.Limits{Total: 14}, "larger than 14 bytes together"},
		"files":   {app.Limits{Files: 2}, "more than 2 files"},
		"entries": {app.Limits{Files: 1}, "more than 1 files"},
	} {
		if _, err := app.Read("x.zip", three, test.limits); !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), test.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := app.Read("x.zip", three, app.Limits{File: 6, Total: 15, Files: 3}); err != nil {
		t.Error(err)
	}
	var many []entry
	for i := range 60 {
		many = append(many, entry{name: fmt.Sprintf("../%02d", i), text: "x"})
	}
	if _, err := app.Read("x.zip", packed(t, many...), app.Limits{}); err == nil || !strings.HasSuffix(err.Error(), "; and 10 more") {
		t.Errorf("%v", err)
	}
}

func TestDirectoryLinks(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{"a.bpmn": {Data: []byte("<a/>")}, "l": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink | 0o777}, ".git/x": {Data: []byte("x")}}
	if _, err := app.ReadFS("d", dir, app.Limits{}); err == nil || !strings.Contains(err.Error(), "l: is not a regular file") {
		t.Errorf("%v", err)
	}
	delete(dir, "l")
	if a, err := app.ReadFS("d", dir, app.Limits{}); err != nil || len(a.Files()) != 1 {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := app.ReadFS("d", dir, app.Limits{File: 3}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

// The exports of a real APS, where they are at hand.
func TestRealApps(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../../shared/aps/apps/*")
	if err != nil || len(dirs) == 0 {
		t.Skip("the exports are not here")
	}
	apps := 0
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		apps++
		a, err := app.Read(filepath.Base(dir)+".zip", packedDir(t, dir, ""), app.Limits{})
		if err != nil {
			t.Error(err)
			continue
		}
		if len(a.Processes) == 0 || (len(a.Models) == 0 && !strings.Contains(dir, "Drools")) {
			t.Errorf("%s: %d processes, %d models", dir, len(a.Processes), len(a.Models))
		}
		for _, f := range a.Forms {
			if f.ID == 0 || f.Name == "" {
				t.Errorf("%s: form %s has no number or name", dir, f.File.Name)
			}
		}
	}
	if apps < 13 {
		t.Errorf("%d apps", apps)
	}
}

func FuzzZip(f *testing.F) {
	f.Add("x.zip", packedDir(f, "testdata/visit", ""))
	f.Add("x.bar", packed(f, entry{name: "a.bpmn", text: "<a/>"}, entry{name: "f.form", text: `{"key":"k"}`}))
	f.Add("x.zip", packed(f, entry{name: "../x", text: "x"}))
	f.Add("a.bpmn", []byte("<a/>"))
	limits := app.Limits{File: 1 << 16, Total: 1 << 18, Files: 50}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		a, err := app.Read(name, data, limits)
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Errorf("not classified: %v", err)
			}
			return
		}
		total, seen := int64(0), map[string]bool{}
		for _, file := range a.Files() {
			total += int64(len(file.Bytes))
			if seen[file.Name] || (len(a.Files()) > 1 && !fs.ValidPath(file.Name)) {
				t.Errorf("file name %q", file.Name)
			}
			seen[file.Name] = true
		}
		if total > max(limits.Total, int64(len(data))) || len(a.Files()) > limits.Files {
			t.Errorf("%d bytes in %d files", total, len(a.Files()))
		}
	})
}

// Who may see an app is read or refused, never left out.
func TestReaders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "[]", "null": "[]", "[]": "[]",
		`[{"type":"user","person":{"id":5,"email":" kermit@example.com "}},{"type":"group","group":{"id":7,"name":"Band"}}]`: "[{kermit@example.com } { Band}]",
		`[{"type":"user","person":{"id":5}}]`: "invalid", `[{}]`: "invalid", `[{"person":{"email":"x"},"group":{"name":"y"}}]`: "invalid", `{}`: "invalid", `[1]`: "invalid",
	} {
		readers, err := (&app.App{Access: []byte(text)}).Readers()
		got := fmt.Sprint(readers)
		if fault.Is(err, fault.Invalid) {
			got = "invalid"
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
