package identity

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/fault"
)

// photo is a JPEG whose top left quarter is red and whose rest is white, with EXIF
// data that say how the camera was held.
func photo(t *testing.T, orientation uint16) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			c := color.NRGBA{255, 255, 255, 255}
			if x < 32 && y < 16 {
				c = color.NRGBA{255, 0, 0, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02")
	exif = append(exif, 0x01, 0x0f, 0, 2, 0, 0, 0, 1, 'x', 0, 0, 0) // the maker
	exif = append(exif, 0x01, 0x12, 0, 3, 0, 0, 0, 1)
	exif = append(binary.BigEndian.AppendUint16(exif, orientation), 0, 0)
	segment := append(binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(exif)+2)), exif...)
	return append(append([]byte{0xFF, 0xD8}, segment...), b.Bytes()[2:]...)
}

func TestPhotosBecomeUpright(t *testing.T) {
	t.Parallel()
	for orientation, want := range map[uint16]struct {
		size image.Point
		red  image.Point // in the middle of the red quarter
	}{
		1: {image.Pt(64, 32), image.Pt(16, 8)}, 2: {image.Pt(64, 32), image.Pt(48, 8)}, 3: {image.Pt(64, 32), image.Pt(48, 24)}, 4: {image.Pt(64, 32), image.Pt(16, 24)},
		5: {image.Pt(32, 64), image.Pt(8, 16)}, 6: {image.Pt(32, 64), image.Pt(24, 16)}, 7: {image.Pt(32, 64), image.Pt(24, 48)}, 8: {image.Pt(32, 64), image.Pt(8, 48)},
		0: {image.Pt(64, 32), image.Pt(16, 8)}, 9: {image.Pt(64, 32), image.Pt(16, 8)},
	} {
		kind, drawn, err := redraw(photo(t, orientation))
		if err != nil || kind != "image/jpeg" || bytes.Contains(drawn, []byte("Exif")) {
			t.Fatalf("%d: %s %v", orientation, kind, err)
		}
		got, err := jpeg.Decode(bytes.NewReader(drawn))
		if err != nil || got.Bounds().Max != want.size {
			t.Fatalf("%d: %v %v, want %v", orientation, got.Bounds(), err, want.size)
		}
		for _, at := range []image.Point{{want.size.X / 4, want.size.Y / 4}, {want.size.X * 3 / 4, want.size.Y / 4}, {want.size.X / 4, want.size.Y * 3 / 4}, {want.size.X * 3 / 4, want.size.Y * 3 / 4}} {
			if _, g, _, _ := got.At(at.X, at.Y).RGBA(); (g < 0x8000) != (at == want.red) {
				t.Errorf("%d: green at %v is %x; red should be at %v", orientation, at, g, want.red)
			}
		}
	}
}

// What a picture costs is bounded by what it says of itself, before it is decoded.
func TestPicturesHaveBounds(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 700, 1))); err != nil {
		t.Fatal(err)
	}
	if kind, drawn, err := redraw(b.Bytes()); err != nil || kind != "image/png" || len(drawn) == 0 {
		t.Errorf("a line: %v", err)
	}
	bomb := bytes.Clone(b.Bytes())
	binary.BigEndian.PutUint32(bomb[16:], 30_000) // how wide it says it is
	binary.BigEndian.PutUint32(bomb[20:], 30_000) // and how high
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	for name, c := range map[string]struct {
		raw  []byte
		kind fault.Kind
	}{
		"a bomb":  {bomb, fault.TooLarge},
		"a story": {[]byte(strings.Repeat("once ", 100)), fault.Invalid},
		"nothing": {nil, fault.Invalid},
		"SVG":     {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), fault.Invalid},
		"half":    {photo(t, 1)[:200], fault.Invalid},
	} {
		if _, _, err := redraw(c.raw); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is sent as a picture: it is drawn anew within the bounds, or refused.
func FuzzRedraw(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("GIF89a"))
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		kind, drawn, err := redraw(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
				t.Fatal(err)
			}
			return
		}
		size, _, err := image.DecodeConfig(bytes.NewReader(drawn))
		if err != nil || size.Width > maxSide || size.Height > maxSide || (kind != "image/png" && kind != "image/jpeg") {
			t.Fatalf("%s %+v %v", kind, size, err)
		}
	})
}
