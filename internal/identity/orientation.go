package identity

import (
	"bytes"
	"encoding/binary"
)

// orientation reads how a JPEG's camera was held, from its EXIF data (CIPA DC-008
// §4.6.5, tag 0x0112): 1 to 8, and 1 when it does not say.
func orientation(raw []byte) int {
	exif := exifOf(raw)
	var order binary.ByteOrder = binary.BigEndian
	if bytes.HasPrefix(exif, []byte("II")) {
		order = binary.LittleEndian
	}
	if len(exif) < 8 {
		return 1
	}
	start := int64(order.Uint32(exif[4:]))
	if start+2 > int64(len(exif)) {
		return 1
	}
	fields := exif[start+2:]
	for range order.Uint16(exif[start:]) {
		if len(fields) < 12 {
			break
		}
		if value := order.Uint16(fields[8:]); order.Uint16(fields) == 0x0112 && value >= 1 && value <= 8 {
			return int(value)
		}
		fields = fields[12:]
	}
	return 1
}

// exifOf returns the EXIF data of a JPEG, which stands in one of the segments before
// the picture itself; nil for none.
func exifOf(raw []byte) []byte {
	const intro = "Exif\x00\x00"
	for rest := raw[min(2, len(raw)):]; len(rest) >= 4 && rest[0] == 0xFF && rest[1] != 0xDA; {
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if size < 2 || len(rest) < 2+size {
			return nil
		}
		if body := rest[4 : 2+size]; rest[1] == 0xE1 && bytes.HasPrefix(body, []byte(intro)) {
			return body[len(intro):]
		}
		rest = rest[2+size:]
	}
	return nil
}
