//! A program's output: text as it is, or defmt, which its own symbols decode.

use std::fmt::Write;

use defmt_decoder::{DecodeError, Locations, StreamDecoder, Table};

pub(crate) enum Output {
    Text,
    Defmt { decoder: Box<dyn StreamDecoder>, locations: Locations },
}

impl Output {
    pub(crate) fn of(elf: &[u8]) -> Result<Self, String> {
        let table = Table::parse(elf).map_err(|error| format!("its defmt table: {error}"))?;
        let Some(table) = table else { return Ok(Self::Text) };
        let locations = table.get_locations(elf).map_err(|error| error.to_string())?;
        // the decoder borrows it, and both stay until the end
        let table: &'static Table = Box::leak(Box::new(table));
        Ok(Self::Defmt { decoder: table.new_stream_decoder(), locations })
    }

    /// The text that is complete with this piece.
    pub(crate) fn text(&mut self, piece: &[u8]) -> Vec<u8> {
        let Self::Defmt { decoder, locations } = self else { return piece.to_vec() };
        let mut text = String::new();
        decoder.received(piece);
        loop {
            match decoder.decode() {
                Ok(frame) => {
                    let place = locations.get(&frame.index()).map_or(String::new(), |at| {
                        let file = at.file.file_name().unwrap_or_default().to_string_lossy();
                        format!("  ({file}:{})", at.line)
                    });
                    let _ = writeln!(text, "{}{place}", frame.display(false));
                }
                Err(DecodeError::UnexpectedEof) => return text.into_bytes(),
                Err(DecodeError::Malformed) => text.push_str("what is no defmt\n"),
            }
        }
    }
}
