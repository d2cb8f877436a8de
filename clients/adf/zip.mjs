// Packs a folder as an app's zip, as APS exports it: files are stored, not compressed.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export function zip(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile()).sort();
  const files = [], directory = [];
  let offset = 0;
  for (const name of names) {
    const data = readFileSync(join(folder, name)), path = Buffer.from(name);
    const about = Buffer.alloc(26); // what both of a file's headers say
    about.writeUInt16LE(20, 0); // made by version 2.0
    about.writeUInt16LE(0x21, 8); // 1 January 1980
    about.writeUInt32LE(crc32(data), 10);
    about.writeUInt32LE(data.length, 14);
    about.writeUInt32LE(data.length, 18);
    about.writeUInt16LE(path.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    files.push(Buffer.from('PK\x03\x04'), about, path, data);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), about, place, path);
    offset += 30 + path.length + data.length;
  }
  const end = Buffer.alloc(18), index = Buffer.concat(directory);
  end.writeUInt16LE(names.length, 4);
  end.writeUInt16LE(names.length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, index, Buffer.from('PK\x05\x06'), end]);
}
