package api

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerPictures adds what people look like, at the addresses of the public API and
// at those that ADF and the mobile apps use as sources of images.
func (a *API) registerPictures() {
	a.handle("GET profile-picture", a.ownPicture).about(nil, file{})
	a.handle("POST profile-picture", a.setPicture).about(multipartBody{}, imageUpload{})
	a.handle("GET users/{userId}/picture", a.userPicture).about(nil, file{})
	a.handle("GET /app/rest/users/{userId}/picture", a.userPicture).about(nil, file{})
	a.handle("GET /app/rest/admin/profile-picture", a.ownPicture).about(nil, file{})
}

// imageUpload is APS's ImageUploadRepresentation.
type imageUpload struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Created date   `json:"created"`
	UserID  int64  `json:"userId"`
}

func (a *API) ownPicture(c *call) (any, error) { return a.picture(c, c.user) }

func (a *API) userPicture(c *call) (any, error) {
	u, err := a.pathUser(c)
	if fault.Is(err, fault.NotFound) {
		return file{}, nil
	}
	if err != nil {
		return nil, err
	}
	return a.picture(c, u)
}

func (a *API) picture(c *call, u *identity.User) (any, error) {
	p, err := a.users.Picture(c.Context(), u.ID)
	if fault.Is(err, fault.NotFound) {
		return file{}, nil
	}
	if err != nil {
		return nil, err
	}
	return file{p.Kind, p.Bytes}, nil
}

func (a *API) setPicture(c *call) (any, error) {
	name, raw, err := c.upload(identity.MaxPicture)
	if err != nil {
		return nil, err
	}
	p, err := a.users.SetPicture(c.Context(), c.user.ID, raw)
	if err != nil {
		return nil, err
	}
	return imageUpload{ID: p.ID, Name: name, Created: date(p.Created), UserID: p.UserID}, nil
}

// multipartBody stands for an upload: one part that is called file.
type multipartBody struct{}

// upload reads the part called file of a multipart body, of at most limit bytes. Its
// name is what the caller calls it, and nothing to build a path with.
func (c *call) upload(limit int64) (name string, content []byte, err error) {
	c.Body = http.MaxBytesReader(nil, c.Body, limit+maxBody) // the rest are heads and other parts
	parts, err := c.MultipartReader()
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "The body must be multipart/form-data with a part called file.")
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return "", nil, uploadFault(err)
		}
		if part.FormName() == "file" {
			content, err := readPart(part, limit)
			return part.FileName(), content, err
		}
	}
}

func readPart(part *multipart.Part, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return nil, uploadFault(err)
	}
	if int64(len(content)) > limit {
		return nil, fault.New(fault.TooLarge, "The file is larger than %d bytes.", limit)
	}
	return content, nil
}

func uploadFault(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.New(fault.TooLarge, "The body is larger than is read here.")
	}
	return fault.New(fault.Invalid, "The body has no whole part called file.")
}
