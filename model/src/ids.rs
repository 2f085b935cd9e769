//! Numbers given to connections, devices and points when a site is loaded, and the dense tables that they index.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A number that counts up from zero over one kind of thing in a loaded site; it lives one process and is never written to disk.
pub trait DenseId: Copy {
    /// The number as a position in a table.
    fn position(self) -> usize;
    /// The id at a position. Positions beyond `u32::MAX` do not occur: a site is far smaller.
    fn at(position: usize) -> Self;
}

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl DenseId for $name {
            fn position(self) -> usize {
                self.0 as usize
            }
            fn at(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }
        }
    };
}

dense_id!(
    /// A connection's number in [`crate::Site::connections`].
    ConnectionIndex
);
dense_id!(
    /// A device's number in [`crate::Site::devices`].
    DeviceIndex
);
dense_id!(
    /// A point's number over the whole site; one device's points are consecutive, in its profile's order.
    PointId
);

/// One `T` for each id of a kind: a plain vector that only its own kind of id may index.
///
/// Indexing with an id of another site can panic; ids never leave the process that numbered them.
#[derive(Clone, Debug)]
pub struct Dense<K, T> {
    items: Vec<T>,
    key: PhantomData<fn(K)>,
}

impl<K: DenseId, T> Dense<K, T> {
    /// A table over the items in their order.
    pub fn new(items: Vec<T>) -> Self {
        Self {
            items,
            key: PhantomData,
        }
    }

    /// A table of `len` items, each made from its id.
    pub fn build(len: usize, make: impl FnMut(K) -> T) -> Self {
        Self::new((0..len).map(K::at).map(make).collect())
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item of `id`, or `None` when the id is beyond the table.
    pub fn get(&self, id: K) -> Option<&T> {
        self.items.get(id.position())
    }

    /// The item of an id of this site.
    ///
    /// # Panics
    /// The id is of another, larger site; ids never leave the process that numbered them.
    #[allow(clippy::indexing_slicing)]
    pub fn at(&self, id: K) -> &T {
        &self[id]
    }

    /// The item of an id of this site, to change it.
    ///
    /// # Panics
    /// As [`Dense::at`].
    #[allow(clippy::indexing_slicing)]
    pub fn at_mut(&mut self, id: K) -> &mut T {
        &mut self[id]
    }

    /// Every item with its id, in order.
    pub fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.items
            .iter()
            .enumerate()
            .map(|(position, item)| (K::at(position), item))
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = K> + use<K, T> {
        (0..self.items.len()).map(K::at)
    }

    /// The items alone.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Adds one more item and returns its id.
    pub fn push(&mut self, item: T) -> K {
        let id = K::at(self.items.len());
        self.items.push(item);
        id
    }
}

impl<K: DenseId, T> Default for Dense<K, T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<K: DenseId, T> Index<K> for Dense<K, T> {
    type Output = T;

    // Ids are only made by the site that the table was built for, so the position is there.
    #[allow(clippy::indexing_slicing)]
    fn index(&self, id: K) -> &T {
        &self.items[id.position()]
    }
}

impl<K: DenseId, T> IndexMut<K> for Dense<K, T> {
    #[allow(clippy::indexing_slicing)]
    fn index_mut(&mut self, id: K) -> &mut T {
        &mut self.items[id.position()]
    }
}
