package api

import (
	"bytes"
	"io"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// The bounds of renditions.
const (
	maxPreview    = 1024     // pixels of a preview each way
	maxThumbnail  = 128      // likewise
	maxImage      = 20 << 20 // bytes of an image that is drawn anew
	maxTextShown  = 1 << 20  // bytes of a text that is shown
	isCreated     = "created"
	isUnsupported = "unsupported"
)

// drawn are the types of images that can be drawn anew.
var drawn = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true}

// renditionsOf says which renditions there are of a content: both of an image, a preview of
// a text and of a PDF, which is its own.
func renditionsOf(c *engine.Attachment) (preview, thumbnail string) {
	preview, thumbnail = isUnsupported, isUnsupported
	switch {
	case !c.Here():
	case drawn[c.MediaType] && c.Size <= maxImage:
		preview, thumbnail = isCreated, isCreated
	case strings.HasPrefix(harmless(c.MediaType), "text/") || c.MediaType == "application/pdf":
		preview = isCreated
	}
	return preview, thumbnail
}

// rendition answers a content in a form that a page can show. What has none is 404 with an
// empty body: ADF shows the content itself then.
func (a *API) rendition(v *visit) (any, error) {
	c, err := a.pathContent(v)
	if fault.Is(err, fault.NotFound) {
		return file{}, nil
	}
	if err != nil {
		return nil, err
	}
	preview, thumbnail := renditionsOf(c)
	kind := v.PathValue("renditionType")
	switch {
	case kind == "preview" && preview == isCreated:
	case kind == "thumbnail" && thumbnail == isCreated:
	case kind == "preview" || kind == "thumbnail":
		return file{}, nil
	default:
		return nil, fault.New(fault.Invalid, "There are the renditions preview and thumbnail.")
	}
	switch {
	case drawn[c.MediaType]:
		return a.smaller(v, c, map[string]int{"preview": maxPreview, "thumbnail": maxThumbnail}[kind])
	case c.MediaType == "application/pdf":
		return a.rawContent(v)
	}
	text := &headBuffer{limit: maxTextShown}
	if err := a.cfg.Engine.Content(v.Context(), c, text); err != nil && !text.full {
		return nil, err
	}
	return file{"text/plain; charset=utf-8", bytes.ToValidUTF8(text.Bytes(), []byte("\uFFFD"))}, nil
}

// smaller draws an image anew. One that cannot be read has no rendition.
func (a *API) smaller(v *visit, c *engine.Attachment, side int) (any, error) {
	var raw bytes.Buffer
	if err := a.cfg.Engine.Content(v.Context(), c, &raw); err != nil {
		return nil, err
	}
	kind, small, err := identity.Redraw(raw.Bytes(), side)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return file{}, nil
	}
	return file{kind, small}, err
}

// headBuffer keeps the first bytes of what is written to it, and ends the writing then.
type headBuffer struct {
	bytes.Buffer
	limit int
	full  bool
}

// Write implements io.Writer.
func (b *headBuffer) Write(data []byte) (int, error) {
	room := b.limit - b.Len()
	if len(data) > room {
		b.full = true
		n, _ := b.Buffer.Write(data[:room]) // never fails
		return n, io.ErrShortWrite
	}
	return b.Buffer.Write(data)
}
