// Where a device is, in the words that the site's own list uses.
import type { Device } from '../api/types';

/** "1号楼 地下一层消防泵房"; either part may be empty. */
export function placeWords(device: Device): string {
  return [device.building, device.location].filter((part) => part !== '').join(' ');
}
