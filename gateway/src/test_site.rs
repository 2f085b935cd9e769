//! Sites for unit tests.

use model::{Folder, Site};

/// A site with one fire main of two points.
pub fn one_fire_main() -> Site {
    let folder = Folder::of_texts([
        (
            "gateway.toml",
            "site = { id = \"huayuan\", name = \"花园小区\", timezone = \"Asia/Shanghai\" }\n[connections.pump_room]\nurl = \"modbus+tcp://127.0.0.1:1\"\n",
        ),
        (
            "devices.csv",
            "id,name,profile,connection,unit,building,location,interval,in_service\nfire-main-1,消防主管 1,main,pump_room,1,1号楼,,,true\n",
        ),
        (
            "profiles/main.toml",
            "class = \"fire_water\"\nname = { zh = \"消防主管\", en = \"Fire main\" }\n\
             [[point]]\nname = \"main_pressure\"\ntitle = { zh = \"压力\", en = \"Pressure\" }\nunit = \"MPa\"\naddress = \"holding:0\"\ntype = \"u16\"\nscale = 0.001\n\
             [[point]]\nname = \"pump_running\"\ntitle = { zh = \"运行\", en = \"Running\" }\nunit = \"\"\naddress = \"holding:1\"\ntype = \"bool\"\n",
        ),
    ]);
    let loading = model::load(&folder, []);
    assert_eq!(loading.faults, []);
    loading.site
}
