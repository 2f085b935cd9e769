// The page that is shown now, following the address.
import { parseRoute, type Route } from '../lib/route';

class Place {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener('hashchange', () => {
      this.route = parseRoute(location.hash);
      scrollTo(0, 0);
    });
  }
}

export const place = new Place();
