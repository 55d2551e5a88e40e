//! Numbered places for transactions; the number of a place that was given up is never valid again.

/// Records by number. A number holds the place in its lower and the place's generation in its upper half.
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    len: usize,
    /// The generation of places that are new.
    youngest: u32,
}

struct Place<T> {
    generation: u32,
    record: Option<T>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), len: 0, youngest: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The numbers of all records that `wanted` holds for.
    pub(crate) fn numbers(&self, wanted: impl Fn(&T) -> bool) -> Vec<u64> {
        let places = (0..).zip(&self.places);
        let kept = places.filter(|(_, place)| place.record.as_ref().is_some_and(&wanted));
        kept.map(|(at, place)| number(place.generation, at)).collect()
    }

    /// Puts a record in a free place and gives its number.
    pub(crate) fn insert(&mut self, record: T) -> u64 {
        self.len += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: self.youngest, record: None });
            u32::try_from(self.places.len() - 1).expect("tables are bounded far below 2^32")
        });
        let slot = &mut self.places[place as usize];
        slot.record = Some(record);
        number(slot.generation, place)
    }

    pub(crate) fn at(&self, number: u64) -> Option<&T> {
        let place = self.places.get(place_of(number))?;
        if place.generation == generation_of(number) { place.record.as_ref() } else { None }
    }

    pub(crate) fn at_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = self.places.get_mut(place_of(number))?;
        if place.generation == generation_of(number) { place.record.as_mut() } else { None }
    }

    /// Takes a record out; its number is dead from now on.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let place = self.places.get_mut(place_of(number))?;
        if place.generation != generation_of(number) {
            return None;
        }
        let record = place.record.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.len -= 1;
        if self.len == 0 {
            self.rest();
        } else {
            self.free.push(place_of(number) as u32);
        }
        Some(record)
    }

    /// Gives memory back once nothing is kept. Places that come later begin at a generation beyond all
    /// that were, so that no old number can mean a new record.
    fn rest(&mut self) {
        if self.places.len() > KEPT_AT_REST {
            self.youngest = self.places.iter().map(|place| place.generation).max().unwrap_or(self.youngest);
            self.places.truncate(KEPT_AT_REST);
            self.places.shrink_to_fit();
        }
        self.free = (0..self.places.len() as u32).rev().collect();
    }
}

/// Places that an empty table keeps.
const KEPT_AT_REST: usize = 64;

fn number(generation: u32, place: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(place)
}

fn place_of(number: u64) -> usize {
    number as u32 as usize
}

fn generation_of(number: u64) -> u32 {
    (number >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_dies_with_its_record() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        let other = slab.insert("other");
        assert_eq!(slab.remove(first), Some("first"));
        assert_eq!(slab.remove(first), None);
        let second = slab.insert("second");
        assert_ne!(first, second);
        assert_eq!(
            (slab.at(first), slab.at(second), slab.at(other)),
            (None, Some(&"second"), Some(&"other"))
        );
    }

    #[test]
    fn an_old_number_stays_dead_after_the_table_shrank() {
        let mut slab = Slab::new();
        let old: Vec<u64> = (0..200).map(|n| slab.insert(n)).collect();
        assert!(old.iter().all(|number| slab.remove(*number).is_some()));
        assert_eq!((slab.len(), slab.places.len()), (0, KEPT_AT_REST));
        let new: Vec<u64> = (0..200).map(|n| slab.insert(n)).collect();
        assert!(old.iter().all(|number| slab.at(*number).is_none()));
        assert!(new.iter().all(|number| slab.at(*number).is_some()));
    }
}
