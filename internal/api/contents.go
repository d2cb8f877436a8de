package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerContents adds the operations on contents of tasks and instances, and on those
// that nothing has taken yet.
func (a *API) registerContents() {
	one, list := relatedContent{}, page[relatedContent]{}
	for _, of := range []string{"tasks/{taskId}", "process-instances/{processInstanceId}"} {
		a.process("GET "+of+"/content", a.relatedContents).about(nil, list)
		a.process("POST "+of+"/content", a.linkContent).about(contentBody{}, one)
		a.process("POST "+of+"/raw-content", a.uploadContent).about(multipartBody{}, one)
	}
	a.process("GET process-instances/{processInstanceId}/field-content", a.fieldContents).about(nil, page[fieldContent]{})
	a.process("POST content", a.linkContent).about(contentBody{}, one)
	a.process("POST content/raw", a.uploadContent).about(multipartBody{}, one)
	a.process("GET content/{contentId}", a.content).about(nil, one)
	a.process("DELETE content/{contentId}", a.deleteContent)
	a.process("GET content/{contentId}/raw", a.rawContent).about(nil, file{})
	a.process("GET content/{contentId}/rendition/{renditionType}", a.rendition).about(nil, file{})
	a.process("GET document-runtime", a.documentRuntime).about(nil, page[relatedProcessTask]{})
}

// relatedContent is APS's RelatedContentRepresentation.
type relatedContent struct {
	ID              int64      `json:"id"`
	Name            string     `json:"name"`
	Created         date       `json:"created"`
	CreatedBy       *lightUser `json:"createdBy"`
	RelatedContent  bool       `json:"relatedContent"`
	Available       bool       `json:"contentAvailable"`
	Link            bool       `json:"link"`
	LinkURL         *string    `json:"linkUrl"`
	Source          *string    `json:"source"`
	SourceID        *string    `json:"sourceId"`
	MediaType       string     `json:"mimeType"`
	SimpleType      string     `json:"simpleType"`
	PreviewStatus   string     `json:"previewStatus"`   // created, or unsupported
	ThumbnailStatus string     `json:"thumbnailStatus"` // likewise
}

// contentBody is what a client says of a content that is elsewhere.
type contentBody struct {
	Name      *string `json:"name"`
	MediaType *string `json:"mimeType"`
	Source    *string `json:"source"`
	SourceID  *string `json:"sourceId"`
	Link      *bool   `json:"link"`
	LinkURL   *string `json:"linkUrl"`
}

// fieldContent is APS's ProcessContentRepresentation.
type fieldContent struct {
	Field   namedObject      `json:"field"`
	Content []relatedContent `json:"content"`
}

type namedObject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// relatedProcessTask is APS's RelatedProcessTask.
type relatedProcessTask struct {
	InstanceID *string `json:"processId"`
	TaskID     *string `json:"taskId"`
}

// showContents are contents as clients see them.
func (a *API) showContents(ctx context.Context, all []engine.Attachment) ([]relatedContent, error) {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].UserID
	}
	people, err := a.people(ctx, ids...)
	if err != nil {
		return nil, err
	}
	list := make([]relatedContent, len(all))
	for i := range all {
		c := &all[i]
		preview, thumbnail := renditionsOf(c)
		list[i] = relatedContent{ID: c.ID, Name: c.Name, Created: date(c.At), CreatedBy: people[c.UserID], RelatedContent: c.Related, Available: c.Here(),
			Link: c.Link || c.URL != "", LinkURL: orNil(c.URL), Source: orNil(c.Source), SourceID: orNil(c.SourceID), MediaType: c.MediaType,
			SimpleType: simpleType(c.MediaType), PreviewStatus: preview, ThumbnailStatus: thumbnail}
	}
	return list, nil
}

func (a *API) showContent(v *visit, c *engine.Attachment) (any, error) {
	list, err := a.showContents(v.Context(), []engine.Attachment{*c})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// isRelated reads the parameter isRelatedContent; nil when it is not there.
func (v *visit) isRelated() (*bool, error) {
	switch text := v.URL.Query().Get("isRelatedContent"); strings.ToLower(text) {
	case "":
		return nil, nil
	case "true", "false":
		related := strings.EqualFold(text, "true")
		return &related, nil
	}
	return nil, fault.New(fault.Invalid, "isRelatedContent must be true or false.")
}

// newContent is the beginning of a content of what the path names. Whether it is related
// content is otherwise, unless the caller says.
func (v *visit) newContent(otherwise bool) (engine.Attachment, error) {
	c := engine.Attachment{TaskID: v.PathValue("taskId"), InstanceID: v.PathValue("processInstanceId"), Related: otherwise}
	related, err := v.isRelated()
	if related != nil {
		c.Related = *related
	}
	if c.TaskID == "" && c.InstanceID == "" {
		c.Related = false
	}
	return c, err
}

func (a *API) relatedContents(v *visit) (any, error) {
	related, err := v.isRelated()
	if err != nil {
		return nil, err
	}
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	if v.URL.Query().Get("size") == "" {
		limit = engine.MaxPage // ADF asks for no page and shows what comes
	}
	all, total, err := a.cfg.Engine.Attachments(v.Context(), v.actor, engine.AttachmentQuery{TaskID: v.PathValue("taskId"), InstanceID: v.PathValue("processInstanceId"), Related: related,
		Page: engine.Page{Offset: offset, Limit: limit}})
	if err != nil {
		return nil, err
	}
	list, err := a.showContents(v.Context(), all)
	return newPage(list, total, offset), err
}

// fieldContents lists the contents that an instance's forms were given, by field.
func (a *API) fieldContents(v *visit) (any, error) {
	all, _, err := a.cfg.Engine.Attachments(v.Context(), v.actor, engine.AttachmentQuery{InstanceID: v.PathValue("processInstanceId"), Fields: true, Page: engine.Page{Limit: engine.MaxPage}})
	if err != nil {
		return nil, err
	}
	shown, err := a.showContents(v.Context(), all)
	if err != nil {
		return nil, err
	}
	var list []fieldContent
	place := map[string]int{}
	for i := range all {
		n, ok := place[all[i].Field]
		if !ok {
			n = len(list)
			place[all[i].Field] = n
			list = append(list, fieldContent{Field: namedObject{all[i].Field, all[i].FieldName}})
		}
		list[n].Content = append(list[n].Content, shown[i])
	}
	return newPage(list, len(list), 0), nil
}

// linkContent keeps where a content is.
func (a *API) linkContent(v *visit) (any, error) {
	c, err := v.newContent(true)
	if err != nil {
		return nil, err
	}
	var body contentBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	c.Name, c.MediaType, c.URL, c.Link = value(body.Name), value(body.MediaType), value(body.LinkURL), value(body.Link)
	c.Source, c.SourceID = value(body.Source), value(body.SourceID)
	made, err := a.cfg.Engine.AddAttachment(v.Context(), v.actor, c, nil)
	if err != nil {
		return nil, a.overQuota(err)
	}
	return a.showContent(v, made)
}

// uploadContent keeps the part called file of a multipart body.
func (a *API) uploadContent(v *visit) (any, error) {
	c, err := v.newContent(false)
	if err != nil {
		return nil, err
	}
	limit := a.cfg.Engine.MaxContent()
	part, err := v.filePart(limit)
	if err != nil {
		return nil, a.overQuota(err)
	}
	c.Name, c.MediaType = part.FileName(), part.Header.Get("Content-Type")
	made, err := a.cfg.Engine.AddAttachment(v.Context(), v.actor, c, part)
	if err != nil {
		return nil, a.overQuota(err)
	}
	return a.showContent(v, made)
}

// filePart finds the part called file; what is read of the body is bounded.
func (c *call) filePart(limit int64) (*multipart.Part, error) {
	c.Body = http.MaxBytesReader(nil, c.Body, limit+maxBody) // the rest are heads and other parts
	parts, err := c.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Invalid, "The body must be multipart/form-data with a part called file.")
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, uploadFault(err)
		}
		if part.FormName() == "file" {
			return part, nil
		}
	}
}

// overQuota tells with a content that is too large how large it may be, as APS does.
func (a *API) overQuota(err error) error {
	var large *http.MaxBytesError
	limit := a.cfg.Engine.MaxContent()
	if errors.As(err, &large) {
		err = fault.New(fault.TooLarge, "The content is larger than %d bytes.", limit)
	}
	var over *engine.OverQuota
	switch {
	case !fault.Is(err, fault.TooLarge):
		return err
	case errors.As(err, &over):
		limit = over.Quota
	}
	return &detailed{err, map[string]any{"quota": limit}}
}

// pathContent is the content that the path names, as the caller may see it.
func (a *API) pathContent(v *visit) (*engine.Attachment, error) {
	id, err := v.pathNumber("contentId")
	if err != nil {
		return nil, err
	}
	return a.cfg.Engine.Attachment(v.Context(), v.actor, id)
}

func (a *API) content(v *visit) (any, error) {
	c, err := a.pathContent(v)
	if err != nil {
		return nil, err
	}
	return a.showContent(v, c)
}

func (a *API) deleteContent(v *visit) (any, error) {
	id, err := v.pathNumber("contentId")
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.DeleteAttachment(v.Context(), v.actor, id)
}

// rawContent streams the bytes, as a file to keep.
func (a *API) rawContent(v *visit) (any, error) {
	c, err := a.pathContent(v)
	if fault.Is(err, fault.NotFound) {
		return file{}, nil
	}
	if err != nil {
		return nil, err
	}
	if !c.Here() {
		return file{}, nil
	}
	return stream{kind: harmless(c.MediaType), name: c.Name, size: c.Size, to: func(w io.Writer) error { return a.cfg.Engine.Content(v.Context(), c, w) }}, nil
}

// documentRuntime lists where a document of a repository is used, as far as the caller may
// see it.
func (a *API) documentRuntime(v *visit) (any, error) {
	q := v.URL.Query()
	if q.Get("sourceId") == "" || q.Get("source") == "" {
		return nil, fault.New(fault.Invalid, "The parameters source and sourceId are needed.")
	}
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	all, total, err := a.cfg.Engine.Attachments(v.Context(), v.actor, engine.AttachmentQuery{Source: q.Get("source"), SourceID: q.Get("sourceId"), Page: engine.Page{Offset: offset, Limit: limit}})
	if err != nil {
		return nil, err
	}
	list := make([]relatedProcessTask, len(all))
	for i := range all {
		list[i] = relatedProcessTask{orNil(all[i].InstanceID), orNil(all[i].TaskID)}
	}
	return newPage(list, total, offset), nil
}

// kinds are the media types that are answered as they are: none of them runs anything in a
// browser. What begins with one that ends in a slash or a dot is meant too.
var kinds = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "audio/", "video/", "application/pdf", "application/zip", "application/gzip",
	"application/json", "application/msword", "application/rtf", "application/vnd.", "text/csv", "text/plain"}

// harmless is a media type under which bytes that somebody has sent can be answered: other
// texts are plain ones, and whatever else a browser might run is bytes.
func harmless(said string) string {
	kind, _, err := mime.ParseMediaType(said)
	if err == nil && !strings.HasSuffix(kind, "+xml") {
		for _, known := range kinds {
			if kind == known || strings.HasPrefix(kind, known) && strings.HasSuffix(known, ".") || strings.HasPrefix(kind, known) && strings.HasSuffix(known, "/") {
				if strings.HasPrefix(kind, "text/") {
					return kind + "; charset=utf-8"
				}
				return kind
			}
		}
		if strings.HasPrefix(kind, "text/") {
			return "text/plain; charset=utf-8"
		}
	}
	return "application/octet-stream"
}

// simpleTypes are APS's words for media types, the first that fits.
var simpleTypes = []struct{ part, word string }{
	{"image/", "image"}, {"application/pdf", "pdf"}, {"wordprocessing", "word"}, {"msword", "word"}, {"opendocument.text", "word"},
	{"presentation", "powerpoint"}, {"powerpoint", "powerpoint"}, {"spreadsheet", "excel"}, {"excel", "excel"}, {"text/csv", "excel"},
	{"video/", "video"}, {"audio/", "audio"},
}

func simpleType(mediaType string) string {
	for _, known := range simpleTypes {
		if strings.Contains(mediaType, known.part) {
			return known.word
		}
	}
	return "content"
}
