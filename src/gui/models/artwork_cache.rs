//! Decoded pictures, as long as there is room for them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use engine::ids::FileId;
use engine::media::{FileEntry, SidecarRole};
use lru::LruCache;
use slint::{Image, Rgb8Pixel, Rgba8Pixel, SharedPixelBuffer};

/// Bytes of decoded pictures: about 300 posters, more than a large window shows.
const MAX_BYTES: usize = 96 << 20;

/// Time after which a picture that was not available is requested again.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A decoded picture that may cross threads.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// Photograph.
    Opaque(SharedPixelBuffer<Rgb8Pixel>),
    /// Shape, coloured by the window.
    Shape(SharedPixelBuffer<Rgba8Pixel>),
}

/// Answer to a request for a picture.
#[derive(Debug, Clone)]
pub struct Art {
    /// Id of the sidecar.
    pub id: FileId,
    /// Outcome.
    pub result: ArtResult,
}

/// Outcome of a request for a picture.
#[derive(Debug, Clone)]
pub enum ArtResult {
    /// Loaded.
    Loaded(Pixels),
    /// Not available at present.
    Unavailable,
    /// Evicted from the queue before loading.
    Evicted,
}

/// Id of an entry's poster as text, the key by which the window asks for it; empty
/// without a poster.
pub fn poster_key(entry: &FileEntry) -> String {
    let poster = entry.info.sidecar(SidecarRole::Poster);
    poster.map_or(String::new(), |poster| poster.id.to_string())
}

/// Pictures by the id of their sidecar.
pub struct ArtworkCache {
    /// Least recently shown pictures are evicted first.
    images: LruCache<FileId, Image>,
    bytes: usize,
    requested: HashMap<FileId, Instant>,
}

impl Default for ArtworkCache {
    fn default() -> Self {
        Self {
            images: LruCache::unbounded(),
            bytes: 0,
            requested: HashMap::new(),
        }
    }
}

/// Memory of a picture with four bytes a pixel.
fn bytes_of(image: &Image) -> usize {
    let size = image.size();
    size.width as usize * size.height as usize * 4
}

impl ArtworkCache {
    /// Picture of a sidecar, if it is loaded.
    pub fn get(&mut self, id: FileId) -> Option<Image> {
        self.images.get(&id).cloned()
    }

    /// True if the picture should be requested now; records the request.
    pub fn start_request(&mut self, id: FileId, now: Instant) -> bool {
        let requested = self.requested.get(&id);
        let due = requested.is_none_or(|at| now.saturating_duration_since(*at) >= RETRY_AFTER);
        if due {
            self.requested.insert(id, now);
        }
        due
    }

    /// Takes in an answer.
    pub fn put(&mut self, art: Art) {
        let image = match art.result {
            ArtResult::Loaded(Pixels::Opaque(pixels)) => Image::from_rgb8(pixels),
            ArtResult::Loaded(Pixels::Shape(pixels)) => Image::from_rgba8(pixels),
            ArtResult::Unavailable => return,
            ArtResult::Evicted => {
                self.requested.remove(&art.id);
                return;
            }
        };
        self.requested.remove(&art.id);
        self.bytes += bytes_of(&image);
        if let Some(before) = self.images.put(art.id, image) {
            self.bytes -= bytes_of(&before);
        }
        while self.bytes > MAX_BYTES
            && let Some((_, image)) = self.images.pop_lru()
        {
            self.bytes -= bytes_of(&image);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(width: u32, height: u32) -> ArtResult {
        ArtResult::Loaded(Pixels::Opaque(SharedPixelBuffer::new(width, height)))
    }

    #[test]
    fn unavailable_picture_is_requested_again_later() {
        let mut cache = ArtworkCache::default();
        let id = FileId([1; 32]);
        let start = Instant::now();
        assert!(cache.start_request(id, start));
        let result = ArtResult::Unavailable;
        cache.put(Art { id, result });
        assert!(!cache.start_request(id, start + RETRY_AFTER / 2));
        assert!(cache.start_request(id, start + RETRY_AFTER));
        let result = ArtResult::Evicted;
        cache.put(Art { id, result });
        assert!(cache.start_request(id, start + RETRY_AFTER), "never loaded");
        let result = loaded(2, 2);
        cache.put(Art { id, result });
        assert!(cache.get(id).is_some());
    }

    #[test]
    fn cache_evicts_least_recently_shown_pictures() {
        let mut cache = ArtworkCache::default();
        let id = |number: u8| FileId([number; 32]);
        for number in 0..40 {
            let (id, result) = (id(number), loaded(1600, 900));
            cache.put(Art { id, result });
            cache.get(FileId([0; 32]));
        }
        assert!(cache.bytes <= MAX_BYTES && cache.bytes > MAX_BYTES / 2);
        assert!(cache.images.contains(&id(0)), "shown all the time");
        assert!(!cache.images.contains(&id(1)));
    }
}
