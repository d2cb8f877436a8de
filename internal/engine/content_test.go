package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func TestComments(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	ctx := context.Background()
	task := w.taskOf(ids["one"])
	first, err := w.e.AddComment(ctx, kermit, "", ids["one"], " <b>hello</b> ${x} ")
	w.must(err)
	second, err := w.e.AddComment(ctx, gonzo, task.ID, "", "on the task")
	w.must(err)
	if first.ID == second.ID || first.Message != "<b>hello</b> ${x}" || second.InstanceID != ids["one"] || second.UserID != "gonzo" {
		t.Errorf("%+v %+v", first, second)
	}
	all, n, err := w.e.Comments(ctx, kermit, engine.CommentQuery{InstanceID: ids["one"]})
	if err != nil || n != 2 || all[0].ID != second.ID || all[1].Message != "<b>hello</b> ${x}" {
		t.Errorf("%d %+v %v", n, all, err)
	}
	if all, n, err := w.e.Comments(ctx, piggy, engine.CommentQuery{TaskID: task.ID}); err != nil || n != 1 || all[0].ID != second.ID {
		t.Errorf("%d %+v %v", n, all, err)
	}
	for name, err := range map[string]error{
		"writing":  second2(w.e.AddComment(ctx, fozzie, task.ID, "", "x")),
		"deleting": w.e.DeleteComment(ctx, kermit, second.ID), "a stranger deleting": w.e.DeleteComment(ctx, fozzie, second.ID),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.wants(fault.NotFound, second2(w.e.Comment(ctx, fozzie, first.ID)))
	for name, message := range map[string]string{"empty": " \n", "long": strings.Repeat("x", 4001), "nul": "a\x00b", "not UTF-8": "\xff"} {
		if _, err := w.e.AddComment(ctx, kermit, task.ID, "", message); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.e.DeleteComment(ctx, gonzo, second.ID))
	if _, err := w.e.Comment(ctx, kermit, second.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	ctx := context.Background()
	task := w.taskOf(ids["one"])
	big := bytes.Repeat([]byte("0123456789abcdef"), 160_000) // 2.5 pieces
	a, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{TaskID: task.ID, Name: `C:\x\..\re` + "\u202e\n" + `port.txt`, Field: "file"}, iotest.HalfReader(bytes.NewReader(big)))
	w.must(err)
	if a.Name != "report.txt" || a.MediaType != "text/plain" || a.Size != int64(len(big)) || a.InstanceID != ids["one"] || a.UserID != "kermit" || w.count(`SELECT COUNT(*) FROM attachment_pieces`) != 3 {
		t.Errorf("%+v", a)
	}
	var got bytes.Buffer
	w.must(w.e.Content(ctx, a, &got))
	if !bytes.Equal(got.Bytes(), big) {
		t.Errorf("%d bytes came back", got.Len())
	}
	for name, test := range map[string]struct {
		a    engine.Attachment
		body string
		want string
	}{
		"said":    {engine.Attachment{Name: "x", MediaType: "image/png; a=b"}, "x", "image/png"},
		"sniffed": {engine.Attachment{Name: "x", MediaType: "application/octet-stream"}, "\x89PNG\r\n\x1a\n", "image/png"},
		"ending":  {engine.Attachment{Name: "x.PDF"}, "x", "application/pdf"},
		"unknown": {engine.Attachment{Name: "x", MediaType: "nonsense"}, "\x00\x01\x02", "application/octet-stream"},
		"empty":   {engine.Attachment{Name: "x"}, "", "text/plain"},
	} {
		test.a.InstanceID, test.a.Related = ids["one"], true
		if a, err := w.e.AddAttachment(ctx, kermit, test.a, strings.NewReader(test.body)); err != nil || a.MediaType != test.want || a.Size != int64(len(test.body)) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	link, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{TaskID: task.ID, Name: "link", Related: true, URL: "https://sluice.example/x"}, nil)
	w.must(err)
	related := true
	if all, n, err := w.e.Attachments(ctx, gonzo, engine.AttachmentQuery{TaskID: task.ID}); err != nil || n != 2 || all[0].ID != link.ID {
		t.Errorf("%d %+v %v", n, all, err)
	}
	if _, n, err := w.e.Attachments(ctx, gonzo, engine.AttachmentQuery{InstanceID: ids["one"], Related: &related}); err != nil || n != 6 {
		t.Errorf("related: %d %v", n, err)
	}
	if _, n, err := w.e.Attachments(ctx, gonzo, engine.AttachmentQuery{InstanceID: ids["one"], Field: "file"}); err != nil || n != 1 {
		t.Errorf("of the field: %d %v", n, err)
	}
	loose, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "loose"}, strings.NewReader("x"))
	w.must(err)
	for name, err := range map[string]error{
		"a stranger": second2(w.e.Attachment(ctx, fozzie, a.ID)), "loose": second2(w.e.Attachment(ctx, gonzo, loose.ID)), "deleting": w.e.DeleteAttachment(ctx, fozzie, a.ID),
		"deleting what somebody else has given": w.e.DeleteAttachment(ctx, gonzo, a.ID),
		"adding":                                second2(w.e.AddAttachment(ctx, fozzie, engine.Attachment{TaskID: task.ID, Name: "x"}, strings.NewReader("x"))),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.e.DeleteAttachment(ctx, kermit, a.ID))
	if n := w.count(`SELECT COUNT(*) FROM attachment_pieces WHERE attachment_id = $1`, a.ID); n != 0 {
		t.Errorf("%v pieces are left", n)
	}
}

// What does not come whole is not there.
func TestUploadsThatFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{MaxContent: 1 << 20})
	ctx := context.Background()
	for name, test := range map[string]struct {
		r    io.Reader
		kind fault.Kind
	}{
		"large":  {bytes.NewReader(make([]byte, 1<<20+1)), fault.TooLarge},
		"broken": {io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("cut off"))), fault.Invalid},
	} {
		if _, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "x"}, test.r); !fault.Is(err, test.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]engine.Attachment{"no name": {Name: "../"}, "no bytes": {Name: "x"}, "scheme": {Name: "x", URL: "javascript:alert(1)"}, "file": {Name: "x", URL: "file:///etc/passwd"}} {
		if _, err := w.e.AddAttachment(ctx, kermit, a, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM attachments`); n != 0 {
		t.Errorf("%v are left", n)
	}
	a, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "x"}, bytes.NewReader(make([]byte, 1<<20)))
	w.must(err)
	_, err = w.db.Exec(ctx, `UPDATE attachments SET size = -1 WHERE id = $1`, a.ID)
	w.must(err)
	if _, err := w.e.Attachment(ctx, kermit, a.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("unended: %v", err)
	}
	if n, err := w.e.SweepUploads(ctx, 100); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	w.now = w.now.Add(25 * time.Hour)
	if n, err := w.e.SweepUploads(ctx, 100); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
