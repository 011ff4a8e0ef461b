package seeds

import "gridpatrol/inspection"

const (
	pass    = inspection.Pass
	fail    = inspection.Fail
	pending = inspection.PendingLab
	unclear = inspection.Indeterminate
	none    = inspection.NotApplicable
)

var dieselCases = []caseTable{{template: "diesel_roadside", cases: []ruleCase{
	{"k_limit_a", `{"k_readings":[1.19,1.20,1.21]}`, pass},
	{"k_limit_a", `{"k_readings":[1.20,1.20,1.215]}`, pass},     // 1.205 → 1.20, a half to the even digit
	{"k_limit_a", `{"k_readings":[1.20,1.20,1.2150003]}`, fail}, // just over the half → 1.21
	{"k_limit_a", `{"k_readings":[1.21,1.21,1.21]}`, fail},
	{"k_limit_a", `{"k_readings":[0.6,0.7]}`, unclear}, {"k_limit_a", `{"k_readings":[0.6,0.7,0.7,0.7]}`, unclear},
	{"k_limit_a", `{"k_readings":null}`, unclear}, {"k_limit_a", `{"k_readings":["0.6","0.7","0.7"]}`, unclear},
	{"k_limit_a", `{"k_readings":[0.6,0.7,-1]}`, unclear}, {"k_limit_a", `{"method":null}`, unclear}, {"k_limit_a", `{"method":"obd"}`, none},
	{"k_limit_b", `{}`, none}, {"ringelmann", `{"ringelmann":3}`, none},
	{"visible_black_smoke", `{"method":"visual","visible_smoke":false}`, pass}, {"visible_black_smoke", `{"method":"visual","visible_smoke":true}`, fail},
	{"visible_black_smoke", `{"method":"visual"}`, unclear}, {"visible_black_smoke", `{}`, none}, {"visible_black_smoke", `{"visible_smoke":true}`, fail},
	{"emission_result", `{}`, none}, {"emission_result", `{"emission_result":"pass"}`, pass}, {"emission_result", `{"emission_result":"fail"}`, fail}, {"emission_result", `{"emission_result":7}`, unclear},
	{"fuel_result", `{"fuel_result":"pass"}`, pass}, {"fuel_result", `{"fuel_result":"fail"}`, fail}, {"urea_result", `{"urea_result":"pass"}`, pass}, {"urea_result", `{"urea_result":"fail"}`, fail},
	{"k_lug_down_100_a", `{"method":"lug_down","k_lug_down_100":0.1}`, unclear}, // its row is from memory
	{"remote_opacity", `{"method":"remote_sensing","remote_opacity":1}`, unclear},
	{"obd", `{"method":"obd","obd_result":"pass","produced_on":"2018-01-01"}`, pass}, {"obd", `{"method":"obd","obd_result":"fail","produced_on":"2018-01-01"}`, fail},
	{"obd", `{"method":"obd","obd_result":"fail","produced_on":"2017-12-31"}`, none}, {"obd", `{"method":"obd","obd_result":"fail"}`, unclear},
	{"aftertreatment", `{}`, pass}, {"aftertreatment", `{"aftertreatment_state":"removed"}`, fail}, {"aftertreatment", `{"aftertreatment_state":null}`, none},
	{"fuel_sulfur", `{"fuel_sample_no":"Y1"}`, pending}, {"fuel_sulfur", `{"fuel_sample_no":"Y1","fuel_sulfur":8}`, unclear}, {"fuel_sulfur", `{}`, none},
	{"urea_content_min", `{"urea_sample_no":"N1"}`, pending},
	{"green_plate_diesel", `{}`, pass}, {"green_plate_diesel", `{"plate_color":"green"}`, fail}, {"green_plate_diesel", `{"plate_color":"yellow_green"}`, fail},
	{"green_plate_diesel", `{"plate_color":"green","fuel":"electric"}`, none}, {"green_plate_diesel", `{"plate_color":"green","fuel":null}`, fail}, {"green_plate_diesel", `{"plate_color":null}`, unclear},
	{"instrument_valid", `{"instrument_valid_until":"2026-10-12"}`, pass}, {"instrument_valid", `{"instrument_valid_until":"2026-10-11"}`, fail},
	{"mil", `{"mil_on":false}`, pass}, {"mil", `{"mil_on":true}`, fail},
	{"retest_due", `{"disposal":"retest","retest_due":"2026-11-11"}`, pass}, {"retest_due", `{"disposal":"retest","retest_due":"2026-11-12"}`, fail},
	{"retest_due", `{"disposal":"retest"}`, unclear},
}}, {template: "diesel_roadside", memory: true, cases: []ruleCase{
	{"k_limit_b", `{"k_readings":[0.70,0.70,0.71]}`, pass}, {"k_limit_b", `{"k_readings":[0.71,0.71,0.71]}`, fail},
	{"ringelmann", `{"ringelmann":1}`, pass}, {"ringelmann", `{"ringelmann":1.5}`, fail},
	{"k_lug_down_100_a", `{"method":"lug_down","k_lug_down_100":1.2}`, pass}, {"k_lug_down_100_a", `{"method":"lug_down","k_lug_down_100":1.206}`, fail},
	{"k_lug_down_80_a", `{"method":"lug_down","k_lug_down_80":1.204}`, pass}, {"k_lug_down_80_a", `{"method":"lug_down","k_lug_down_80":1.21}`, fail},
	{"nox_lug_down_a", `{"method":"lug_down","nox_80":1500}`, pass}, {"nox_lug_down_a", `{"method":"lug_down","nox_80":1500.6}`, fail},
	{"k_lug_down_100_b", `{"method":"lug_down","k_lug_down_100":0.7}`, pass}, {"k_lug_down_100_b", `{"method":"lug_down","k_lug_down_100":0.71}`, fail},
	{"k_lug_down_80_b", `{"method":"lug_down","k_lug_down_80":0.7}`, pass}, {"k_lug_down_80_b", `{"method":"lug_down","k_lug_down_80":0.71}`, fail},
	{"nox_lug_down_b", `{"method":"lug_down","nox_80":900}`, pass}, {"nox_lug_down_b", `{"method":"lug_down","nox_80":901}`, fail},
	{"remote_opacity", `{"method":"remote_sensing","remote_opacity":30}`, pass}, {"remote_opacity", `{"method":"remote_sensing","remote_opacity":31}`, fail},
	{"remote_no", `{"method":"remote_sensing","remote_no":1500}`, pass}, {"remote_no", `{"method":"remote_sensing","remote_no":1501}`, fail},
	{"remote_exceedances", `{"method":"remote_sensing","remote_exceedances":1}`, pass}, {"remote_exceedances", `{"method":"remote_sensing","remote_exceedances":2}`, fail},
	{"fuel_sulfur", `{"fuel_sulfur":10}`, pass}, {"fuel_sulfur", `{"fuel_sulfur":11}`, fail},
	{"urea_content_min", `{"urea_content":31.8}`, pass}, {"urea_content_min", `{"urea_content":31.74}`, fail},
	{"urea_content_max", `{"urea_content":33.24}`, pass}, {"urea_content_max", `{"urea_content":33.3}`, fail},
	{"urea_refraction_min", `{"urea_refraction":1.3814}`, pass}, {"urea_refraction_min", `{"urea_refraction":1.3813}`, fail},
	{"urea_refraction_max", `{"urea_refraction":1.3843}`, pass}, {"urea_refraction_max", `{"urea_refraction":1.3844}`, fail},
}}, {template: "diesel_roadside", memory: true, day: "2020-06-30", cases: []ruleCase{
	{"nox_lug_down_b", `{"method":"lug_down","nox_80":1200}`, pass}, {"nox_lug_down_b", `{"method":"lug_down","nox_80":1201}`, fail},
}}, {template: "diesel_roadside", day: "2019-04-30", cases: []ruleCase{
	{"k_limit_a", `{}`, unclear}, // before the standard was in force
}}}

var burningCases = []caseTable{{template: "open_burning", cases: []ruleCase{
	{"resolved", `{}`, pass}, {"resolved", `{"materials":null}`, unclear}, {"resolved", `{"found_at":7}`, unclear},
	{"severity", `{}`, pass}, {"severity", `{"materials":["leaves","toxic"]}`, fail}, {"severity", `{"materials":[]}`, unclear},
	{"response_minutes", `{}`, pass}, {"response_minutes", `{"extinguished_at":"2026-10-12T09:30:59+08:00"}`, fail}, {"response_minutes", `{"extinguished_at":null}`, unclear},
	{"place_distance", `{"fire_lat":34.27164,"fire_lon":108.9651}`, pass}, {"place_distance", `{"fire_lat":34.27166,"fire_lon":108.9651}`, fail},
	{"place_distance", `{"fire_lat":null}`, unclear}, {"place_distance", `{"fire_lat":null,"fire_lon":null}`, none},
	{"recheck", `{"rechecked_at":"2026-10-13T09:35:00+08:00"}`, pass}, {"recheck", `{"rechecked_at":"2026-10-13T09:40:00+08:00"}`, fail},
	{"recheck", `{"rechecked_at":null}`, unclear},
	{"recheck_clean", `{}`, pass}, {"recheck_clean", `{"recheck_clean":false}`, fail}, {"recheck_clean", `{"recheck_clean":"yes"}`, unclear},
}}, {template: "open_burning", photos: map[string]int{"before_photo": 1}, cases: []ruleCase{
	{"resolved", `{}`, fail}, {"resolved", `{"materials":null}`, fail},
}}}

var fireworksCases = []caseTable{{template: "fireworks", cases: []ruleCase{
	{"sale", `{}`, pass}, {"sale", `{"found":true}`, fail}, {"sale", `{"found":true,"in_ban_zone":false}`, pass}, {"sale", `{"found":null}`, unclear},
	{"sale", `{"found":false,"in_ban_zone":null}`, pass}, {"sale", `{"found":true,"in_ban_zone":"yes"}`, unclear}, {"sale", `{"kind":"online"}`, none},
	{"online", `{"kind":"online"}`, pass}, {"online", `{"kind":"online","found":true}`, fail},
	{"online_clue", `{"kind":"online","found":true,"clue_transferred":true}`, pass}, {"online_clue", `{"kind":"online","found":true,"clue_transferred":false}`, fail},
	{"letting_off", `{"kind":"letting_off"}`, pass}, {"letting_off", `{"kind":"letting_off","found":true}`, fail},
	{"letting_off", `{"kind":"letting_off","found":true,"in_ban_zone":false,"place_type":"station"}`, fail}, {"letting_off", `{"kind":"letting_off","found":true,"in_ban_zone":false,"place_type":"other"}`, pass},
	{"letting_off", `{"kind":"letting_off","found":true,"in_ban_zone":false,"place_type":null}`, unclear}, {"letting_off", `{"kind":"letting_off","found":true,"in_ban_zone":null,"place_type":null}`, unclear},
	{"transport", `{"kind":"transport"}`, pass}, {"transport", `{"kind":"transport","found":true,"licence":"valid"}`, pass},
	{"transport", `{"kind":"transport","found":true,"licence":"none"}`, fail}, {"transport", `{"kind":"transport","found":true}`, unclear},
	{"storage", `{"kind":"storage"}`, pass}, {"storage", `{"kind":"storage","found":true,"licence":"none"}`, fail},
	{"carrying_mailing", `{"kind":"carrying_mailing"}`, pass}, {"carrying_mailing", `{"kind":"carrying_mailing","found":true}`, fail},
	{"publicity", `{"kind":"publicity","publicity_done":true}`, pass}, {"publicity", `{"kind":"publicity","publicity_done":false}`, fail},
	{"handover", `{}`, none},
	{"handover", `{"disposal":["seized"],"seized_at":"2026-10-12T09:00:00+08:00","handover_at":"2026-10-13T09:00:00+08:00"}`, pass},
	{"handover", `{"disposal":["seized"],"seized_at":"2026-10-12T09:00:00+08:00","handover_at":"2026-10-13T09:00:01+08:00"}`, fail},
	{"handover", `{"disposal":["sealed"],"seized_at":"2026-10-12T09:00:00+08:00"}`, unclear}, // there is still time
	{"handover", `{"disposal":["sealed"],"seized_at":"2026-10-11T09:00:00+08:00"}`, fail},
	{"handover", `{"seizures":[{"id":"1","product":"x","quantity":1,"unit":"box"}]}`, unclear},
}}}

var restaurantCases = []caseTable{{template: "restaurant_fume", cases: []ruleCase{
	{"purifier_installed", `{}`, pass}, {"purifier_installed", `{"purifier_installed":false}`, fail}, {"purifier_installed", `{"purifier_installed":"false"}`, unclear},
	{"purifier_running", `{}`, pass}, {"purifier_running", `{"purifier_running":false}`, fail}, {"purifier_running", `{"purifier_running":null}`, unclear}, {"purifier_running", `{"purifier_installed":false}`, none},
	{"bypassed", `{}`, pass}, {"bypassed", `{"bypassed":true}`, fail},
	{"residential", `{}`, pass}, {"residential", `{"residential_building":true,"dedicated_flue":false}`, fail}, {"residential", `{"residential_building":true}`, unclear},
	{"barbecue", `{}`, pass}, {"barbecue", `{"open_air_barbecue":true}`, fail},
	{"concentration", `{"fume_concentration":2.0}`, pass}, {"concentration", `{"fume_concentration":2.05}`, pass}, // → 2.0
	{"concentration", `{"fume_concentration":2.051}`, fail}, {"concentration", `{"fume_concentration":2.1}`, fail},
	{"concentration", `{"fume_concentration":null,"sample_sent":true}`, pending}, {"concentration", `{"fume_concentration":null}`, none},
	{"efficiency", `{"removal_efficiency":85}`, pass}, {"efficiency", `{"removal_efficiency":84.5}`, fail}, {"efficiency", `{"removal_efficiency":84.6}`, pass}, // stoves 6: large
	{"efficiency", `{"stoves":5,"removal_efficiency":75}`, pass}, {"efficiency", `{"stoves":3,"removal_efficiency":74}`, fail},
	{"efficiency", `{"stoves":2,"removal_efficiency":60}`, pass}, {"efficiency", `{"stoves":1,"removal_efficiency":59}`, fail},
	{"efficiency", `{"stoves":null,"stove_power":10,"removal_efficiency":84}`, fail}, {"efficiency", `{"stoves":null,"stove_power":9.99,"removal_efficiency":84}`, pass},
	{"efficiency", `{"stoves":null,"hood_area_m2":6.6,"removal_efficiency":84}`, fail}, {"efficiency", `{"stoves":null,"hood_area_m2":3.2,"removal_efficiency":60}`, pass},
	{"efficiency", `{"stoves":null}`, unclear},
	{"online_monitor", `{"area_m2":1000}`, pass}, {"online_monitor", `{"area_m2":1000,"online_monitor":false}`, fail},
	{"online_monitor", `{"area_m2":999.9,"online_monitor":false}`, none}, {"online_monitor", `{"area_m2":1000,"online_monitor":null}`, unclear},
	{"online_monitor_planned", `{"online_monitor":false}`, none},
	{"monitor_online", `{}`, pass}, {"monitor_online", `{"monitor_online":false}`, fail},
	{"monitor_24h", `{"monitor_24h":2.0}`, pass}, {"monitor_24h", `{"monitor_24h":2.2}`, fail},
	{"cleaning", `{"last_cleaned":"2026-09-12"}`, pass}, {"cleaning", `{"last_cleaned":"2026-09-11"}`, fail}, {"cleaning", `{"last_cleaned":null}`, unclear},
	{"cleaning", `{"stoves":3,"last_cleaned":"2026-08-13"}`, pass}, {"cleaning", `{"stoves":3,"last_cleaned":"2026-08-12"}`, fail},
	{"cleaning", `{"stoves":1,"last_cleaned":"2026-07-14"}`, pass}, {"cleaning", `{"stoves":1,"last_cleaned":"2026-07-13"}`, fail},
	{"outlet_distance", `{"outlet_distance_m":20}`, pass}, {"outlet_distance", `{"outlet_distance_m":19}`, fail},
	{"outlet_distance", `{"outlet_distance_m":10,"deodorised":true}`, pass}, {"outlet_distance", `{"outlet_distance_m":9,"deodorised":true}`, fail},
	{"outlet_height", `{"building_height_m":15}`, pass}, {"outlet_height", `{"building_height_m":15,"outlet_above_roof":false}`, fail},
	{"outlet_height", `{"building_height_m":15.1,"outlet_height_m":15.1}`, pass}, {"outlet_height", `{"building_height_m":15.1,"outlet_height_m":15}`, fail},
	{"boundary_distance", `{"new_unit":true,"boundary_distance_m":9}`, pass}, {"boundary_distance", `{"new_unit":true,"boundary_distance_m":8.4}`, fail}, {"boundary_distance", `{}`, none},
	{"airflow_min", `{"airflow_m3h":30000}`, pass}, {"airflow_min", `{"airflow_m3h":29999}`, fail}, {"airflow_min", `{"area_m2":1000}`, none},
	{"airflow_max", `{"airflow_m3h":70000}`, pass}, {"airflow_max", `{"airflow_m3h":70001}`, fail}, {"airflow_max", `{"area_m2":2001}`, none},
	{"ledger", `{}`, pass}, {"ledger", `{"ledger_kept":false}`, fail}, {"complaint", `{"complaint":false}`, pass}, {"complaint", `{"complaint":true}`, fail},
}}, {template: "restaurant_fume", day: "2024-12-31", cases: []ruleCase{
	{"online_monitor", `{"online_monitor":false}`, none},
	{"online_monitor_planned", `{"online_monitor":false}`, fail}, {"online_monitor_planned", `{}`, pass},
}}, {template: "restaurant_fume", day: "2025-01-01", cases: []ruleCase{
	{"online_monitor", `{"online_monitor":false}`, fail}, {"online_monitor_planned", `{"online_monitor":false}`, none},
}}}

var vocCases = []caseTable{{template: "voc_product", cases: []ruleCase{
	{"voc_limit", `{"lab_voc_value":50}`, pass}, {"voc_limit", `{"lab_voc_value":50.5}`, pass}, {"voc_limit", `{"lab_voc_value":50.51}`, fail},
	{"voc_limit", `{"lab_voc_value":80,"production_date":"2026-05-31"}`, pass}, {"voc_limit", `{"lab_voc_value":81,"production_date":"2026-05-31"}`, fail},
	{"voc_limit", `{"lab_voc_value":null}`, pending}, {"voc_limit", `{"lab_report_no":null}`, pending},
	{"voc_limit", `{"lab_voc_value":null,"sample_sent":null}`, unclear}, {"voc_limit", `{"lab_report_no":null,"sample_sent":false}`, unclear},
	{"voc_limit", `{"production_date":null}`, unclear}, {"voc_limit", `{"lab_voc_unit":"g_kg"}`, unclear}, {"voc_limit", `{"lab_voc_unit":null}`, unclear},
	{"voc_limit", `{"product_class":null}`, unclear}, {"voc_limit", `{"scope_exclusion":"research_sample"}`, none}, {"voc_limit", `{"scope_exclusion":"none"}`, pass},
	{"voc_label", `{"label_voc_value":50}`, pass}, {"voc_label", `{"label_voc_value":51}`, fail}, {"voc_label", `{"label_voc_value":null}`, none},
	{"low_voc_claim", `{"claims_low_voc":true,"lab_voc_value":50}`, pass}, {"low_voc_claim", `{"claims_low_voc":true,"lab_voc_value":51}`, fail}, {"low_voc_claim", `{"claims_low_voc":true,"product_class":"wood_nitro"}`, none},
	{"low_voc_claim", `{"claims_low_voc":true,"product_class":"cleaner_semi_water","lab_voc_value":101}`, fail},
	{"low_voc_claim", `{"claims_low_voc":true,"product_class":"industrial_solvent_free","lab_voc_value":60}`, pass},
	{"formaldehyde", `{"production_date":"2026-05-31","lab_formaldehyde":50}`, pass}, {"formaldehyde", `{"production_date":"2026-05-31","lab_formaldehyde":51}`, fail},
	{"formaldehyde", `{"lab_formaldehyde":50}`, unclear}, {"formaldehyde", `{}`, none},
	{"aromatics", `{"production_date":"2026-05-31","lab_aromatics":100}`, pass}, {"aromatics", `{"production_date":"2026-05-31","lab_aromatics":101}`, fail},
	{"lead", `{"production_date":"2026-05-31","lab_lead":90}`, pass}, {"lead", `{"production_date":"2026-05-31","lab_lead":91}`, fail},
	{"ledger_years", `{"stage":"use","ledger_years":3}`, pass}, {"ledger_years", `{"stage":"use","ledger_years":2}`, fail}, {"ledger_years", `{"ledger_years":2}`, none},
	{"ledger", `{"stage":"use","ledger_kept":true}`, pass}, {"ledger", `{"stage":"use","ledger_kept":false}`, fail},
	{"storage", `{"stored_closed":true}`, pass}, {"storage", `{"stored_closed":false}`, fail},
}}}
