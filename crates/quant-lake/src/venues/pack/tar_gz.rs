//! A tar.gz of one member whose length is not known before its last byte.
//!
//! The tar header carries the member's size and comes first, so a plain stream would need the whole text, or two
//! passes. Instead the content is deflated alone and closed on a byte boundary; the header goes before it as a stored
//! block. The content never refers to bytes before its own start, and the checksum of the whole follows from its parts.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::{Effort, FileName, PackError, PackedFile};

/// Size of a tar record.
const RECORD: usize = 512;

/// Output is grown by at least this much before deflating on.
const ROOM: usize = 64 * 1024;

/// A tar.gz with one member under construction.
pub struct TarGzFile {
    file: FileName,
    member: String,
    deflate: Compress,
    body: Vec<u8>,
    crc: Crc,
    size: u64,
}

impl TarGzFile {
    /// Begins a file whose only member is named `member`.
    pub fn new(file: FileName, member: String, effort: Effort) -> Self {
        Self {
            file,
            member,
            deflate: Compress::new(Compression::new(effort.level()), false),
            body: Vec::new(),
            crc: Crc::new(),
            size: 0,
        }
    }

    /// Appends content.
    ///
    /// # Errors
    /// `Container`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.crc.update(bytes);
        self.size += bytes.len() as u64;
        self.run(bytes, FlushCompress::None)
    }

    fn run(&mut self, mut bytes: &[u8], flush: FlushCompress) -> Result<(), PackError> {
        loop {
            if self.body.capacity() - self.body.len() < ROOM {
                self.body.reserve(ROOM.max(self.body.len() / 2));
            }
            let before = self.deflate.total_in();
            let status = self
                .deflate
                .compress_vec(bytes, &mut self.body, flush)
                .map_err(|e| self.file.fault(e))?;
            let used = usize::try_from(self.deflate.total_in() - before).unwrap_or(bytes.len());
            bytes = bytes.get(used..).unwrap_or(&[]);
            // A flush is complete once output space is left over.
            let has_room = self.body.len() < self.body.capacity();
            if bytes.is_empty() && (status == Status::BufError || has_room) {
                return Ok(());
            }
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container`, also for a member name or size that a tar header cannot hold.
    pub fn finish(mut self) -> Result<PackedFile, PackError> {
        // Ends on a byte boundary with an empty stored block, and leaves the stream open for the tail.
        self.run(&[], FlushCompress::Sync)?;
        let head = self.header()?;
        let size = usize::try_from(self.size % RECORD as u64).unwrap_or(0);
        // The member is padded to whole records; two empty records end the tar.
        let tail = vec![0_u8; (RECORD - size) % RECORD + 2 * RECORD];
        let mut crc = Crc::new();
        crc.update(&head);
        crc.combine(&self.crc);
        let mut of_tail = Crc::new();
        of_tail.update(&tail);
        crc.combine(&of_tail);

        let mut out = Vec::with_capacity(self.body.len() + head.len() + tail.len() + 64);
        // RFC 1952: magic, deflate, no flags, no time, no extra flags, Unix.
        out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
        stored(&mut out, &head, false);
        out.append(&mut self.body);
        stored(&mut out, &tail, true);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(self.file.packed(out))
    }

    fn header(&self) -> Result<[u8; RECORD], PackError> {
        let mut header = tar::Header::new_ustar();
        header
            .set_path(&self.member)
            .map_err(|e| self.file.fault(e))?;
        // 11 octal digits.
        if self.size >= 1 << 33 {
            return Err(self.file.fault("the member is beyond 8 GiB"));
        }
        header.set_size(self.size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        Ok(*header.as_bytes())
    }
}

/// Appends a stored deflate block (RFC 1951, 3.2.4); the stream must be on a byte boundary.
fn stored(out: &mut Vec<u8>, bytes: &[u8], is_last: bool) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(
        usize::from(length),
        bytes.len(),
        "head and tail are below 64 KiB"
    );
    out.push(u8::from(is_last));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(bytes);
}
