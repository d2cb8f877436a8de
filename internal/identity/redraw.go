package identity

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"

	"github.com/sluicehq/sluice/internal/fault"
)

// The bounds of a picture.
const (
	MaxPicture = 5 << 20     // bytes that are read
	maxPixels  = 5000 * 4000 // that are decoded: a small file may hold a huge picture
	maxSide    = 512         // pixels that are kept each way
)

// readers are the formats that are read, by what the bytes themselves look like:
// whatever a caller calls his file does not count.
var readers = map[string]struct {
	size func([]byte) (image.Config, error)
	read func([]byte) (image.Image, error)
}{
	"image/png": {
		func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
	},
	"image/jpeg": {
		func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
	},
	"image/gif": {
		func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }, // its first frame
	},
}

// redraw draws the picture of a person.
func redraw(raw []byte) (kind string, drawn []byte, err error) {
	if len(raw) > MaxPicture && readers[http.DetectContentType(raw)].read != nil {
		return "", nil, fault.New(fault.TooLarge, "A picture may have at most 5 MiB.")
	}
	return Redraw(raw, maxSide)
}

// drawing bounds how many pictures are drawn at once, each of which may take 160 MB.
var drawing = make(chan struct{}, 2)

// Redraw reads a picture of at most 20 million pixels and writes it anew, no larger than
// side pixels each way: a JPEG stays one, and becomes upright; others become PNG. Errors:
// Invalid for what is no picture that is known here, TooLarge.
func Redraw(raw []byte, side int) (kind string, drawn []byte, err error) {
	drawing <- struct{}{}
	defer func() { <-drawing }()
	kind = http.DetectContentType(raw)
	format, ok := readers[kind]
	if !ok {
		return "", nil, fault.New(fault.Invalid, "A picture must be a PNG, a JPEG or a GIF.")
	}
	size, err := format.size(raw)
	if err == nil && int64(size.Width)*int64(size.Height) > maxPixels {
		return "", nil, fault.New(fault.TooLarge, "A picture may have at most 20 million pixels.")
	}
	var img image.Image
	if err == nil {
		img, err = format.read(raw)
	}
	if err != nil || img.Bounds().Empty() {
		return "", nil, fault.New(fault.Invalid, "The picture cannot be read.")
	}
	small := shrink(img, side)
	var b bytes.Buffer
	if kind == "image/jpeg" {
		err = jpeg.Encode(&b, turn(small, orientation(raw)), &jpeg.Options{Quality: 90})
	} else {
		kind, err = "image/png", png.Encode(&b, small)
	}
	return kind, b.Bytes(), err
}

// shrink draws a picture so that neither side is longer than most pixels: each one is the
// mean of those that it stands for.
func shrink(img image.Image, most int) *image.NRGBA {
	from := image.NewNRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(from, from.Rect, img, img.Bounds().Min, draw.Src)
	w, h := from.Rect.Dx(), from.Rect.Dy()
	long := max(w, h)
	if long <= most {
		return from
	}
	to := image.NewNRGBA(image.Rect(0, 0, max(w*most/long, 1), max(h*most/long, 1)))
	tw, th := to.Rect.Dx(), to.Rect.Dy()
	for y := range th {
		for x := range tw {
			to.SetNRGBA(x, y, mean(from, image.Rect(x*w/tw, y*h/th, max((x+1)*w/tw, x*w/tw+1), max((y+1)*h/th, y*h/th+1))))
		}
	}
	return to
}

// mean is the mean colour of a part of a picture; what is not seen does not count.
func mean(img *image.NRGBA, part image.Rectangle) color.NRGBA {
	var r, g, b, a, n uint64
	for y := part.Min.Y; y < part.Max.Y; y++ {
		row := img.Pix[img.PixOffset(part.Min.X, y):img.PixOffset(part.Max.X, y)]
		for ; len(row) >= 4; row = row[4:] {
			alpha := uint64(row[3])
			r, g, b, a, n = r+uint64(row[0])*alpha, g+uint64(row[1])*alpha, b+uint64(row[2])*alpha, a+alpha, n+1
		}
	}
	if a == 0 {
		return color.NRGBA{}
	}
	return color.NRGBA{R: uint8(r / a), G: uint8(g / a), B: uint8(b / a), A: uint8(a / n)}
}

// turn draws a picture upright that lies as its camera's orientation says: 1 to 8, as
// in EXIF.
func turn(img *image.NRGBA, orientation int) *image.NRGBA {
	if orientation <= 1 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 { // it lies on its side
		size = image.Rect(0, 0, h, w)
	}
	to := image.NewNRGBA(size)
	for y := range h {
		for x := range w {
			at := image.Pt(x, y)
			switch orientation {
			case 2:
				at = image.Pt(w-1-x, y)
			case 3:
				at = image.Pt(w-1-x, h-1-y)
			case 4:
				at = image.Pt(x, h-1-y)
			case 5:
				at = image.Pt(y, x)
			case 6:
				at = image.Pt(h-1-y, x)
			case 7:
				at = image.Pt(h-1-y, w-1-x)
			case 8:
				at = image.Pt(y, w-1-x)
			}
			to.SetNRGBA(at.X, at.Y, img.NRGBAAt(x, y))
		}
	}
	return to
}
