BEGIN TRANSACTION;
CREATE TABLE alternatives (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, name TEXT NOT NULL,
        rules_id TEXT NOT NULL,
        ahi_per_h REAL, severity TEXT, PRIMARY KEY (night_id, name)
    ) WITHOUT ROWID;
INSERT INTO "alternatives" VALUES('108787c4c33d1643','aasm_1a','aasm_1a@416c612990f2',16.0,NULL);
INSERT INTO "alternatives" VALUES('108787c4c33d1643','cms','cms@41e2be843411',16.0,NULL);
INSERT INTO "alternatives" VALUES('4350cdac5e433f0b','aasm_1a','aasm_1a@416c612990f2',16.0,NULL);
INSERT INTO "alternatives" VALUES('4350cdac5e433f0b','cms','cms@41e2be843411',16.0,NULL);
CREATE TABLE desaturations (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, number INTEGER NOT NULL, "start_s" REAL, "nadir_s" REAL, "stop_s" REAL, "baseline_percent" REAL, "nadir_percent" REAL,
        PRIMARY KEY (night_id, number)
    ) WITHOUT ROWID;
INSERT INTO "desaturations" VALUES('108787c4c33d1643',1,716.75,743.0,747.0,96.0,87.0);
INSERT INTO "desaturations" VALUES('108787c4c33d1643',2,905.75,948.0,955.0,96.0,90.0);
INSERT INTO "desaturations" VALUES('108787c4c33d1643',3,1058.75,1086.0,1092.0,96.0,88.0);
INSERT INTO "desaturations" VALUES('4350cdac5e433f0b',1,619.75,646.0,650.0,96.0,87.0);
INSERT INTO "desaturations" VALUES('4350cdac5e433f0b',2,808.75,851.0,858.0,96.0,90.0);
INSERT INTO "desaturations" VALUES('4350cdac5e433f0b',3,961.75,989.0,995.0,96.0,88.0);
CREATE TABLE events (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, number INTEGER NOT NULL, "kind" TEXT, "start_s" REAL, "stop_s" REAL, "duration_s" REAL, "flow_reduction_fraction" REAL, "baseline_excursion" REAL, "effort_fraction" REAL, "criterion" TEXT, "is_counted" INTEGER, "origin" TEXT, "confidence_fraction" REAL, "obstructive_signs" TEXT, "sensor" TEXT, "desaturation_start_s" REAL, "desaturation_nadir_s" REAL, "desaturation_stop_s" REAL, "desaturation_baseline_percent" REAL, "desaturation_nadir_percent" REAL, "desaturation_drop_points" REAL, "desaturation_delay_s" REAL,
        PRIMARY KEY (night_id, number)
    ) WITHOUT ROWID;
INSERT INTO "events" VALUES('108787c4c33d1643',1,'obstructive_apnea',699.2,7.19599999999999909031e+02,2.03999999999998635766e+01,9.82985887899647803322e-01,0.824707156419754,7.45898919692937867331e-01,'apnea: reduced by at least 90% for 19.2 s (at least 10 s)',1,'automatic',9.16666666666666740681e-01,NULL,'flow',716.75,743.0,756.25,96.0,87.0,9.0,2.34000000000000909486e+01);
INSERT INTO "events" VALUES('108787c4c33d1643',2,'obstructive_apnea',886.6,924.7,3.81000000000000227373e+01,9.83300176610471199367e-01,8.32241328557332349369e-01,7.91740434667084103104e-01,'apnea: reduced by at least 90% for 38.1 s (at least 10 s)',1,'automatic',9.58158995815899583448e-01,NULL,'flow',905.75,948.0,960.25,96.0,90.0,6.0,2.32999999999999545256e+01);
INSERT INTO "events" VALUES('108787c4c33d1643',3,'obstructive_apnea',1042.1,1064.3,2.22000000000000454738e+01,9.55948054458126250665e-01,8.04999075333277414046e-01,0.869640472688173,'apnea: reduced by at least 90% for 20.4 s (at least 10 s)',1,'automatic',9.19354838709677935071e-01,NULL,'flow',1058.75,1086.0,1098.25,96.0,88.0,8.0,2.17000000000000454743e+01);
INSERT INTO "events" VALUES('4350cdac5e433f0b',1,'obstructive_apnea',602.2,6.2259999999999990905e+02,2.03999999999998635766e+01,9.82985887499494337404e-01,8.24707150459289550781e-01,7.38575080166692266026e-01,'apnea: reduced by at least 90% for 19.2 s (at least 10 s)',1,'automatic',9.16666666666666740681e-01,NULL,'flow',619.75,646.0,659.25,96.0,87.0,9.0,2.34000000000000909486e+01);
INSERT INTO "events" VALUES('4350cdac5e433f0b',2,'obstructive_apnea',789.6,827.7,3.81000000000000227373e+01,9.83300176678352344517e-01,8.32241332530975319592e-01,7.8869729941607980006e-01,'apnea: reduced by at least 90% for 38.1 s (at least 10 s)',1,'automatic',9.58158995815899583448e-01,NULL,'flow',808.75,851.0,863.25,96.0,90.0,6.0,2.32999999999999545256e+01);
INSERT INTO "events" VALUES('4350cdac5e433f0b',3,'obstructive_apnea',945.1,967.3,2.21999999999999317887e+01,9.55948053634721350846e-01,8.04999057451883937019e-01,8.57664044750364173985e-01,'apnea: reduced by at least 90% for 20.4 s (at least 10 s)',1,'automatic',9.19354838709677268937e-01,NULL,'flow',961.75,989.0,1001.25,96.0,88.0,8.0,2.17000000000000454743e+01);
CREATE TABLE failures (
        file TEXT NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL,
        n_files INTEGER NOT NULL,
        PRIMARY KEY (file, part)
    ) WITHOUT ROWID;
INSERT INTO "failures" VALUES('nights/bad.edf',0,'reading','nights/bad.edf: no EDF or BDF file: it does not begin with ''0'' or 255 and ''BIOSEMI''',1);
CREATE TABLE night_files (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, position INTEGER NOT NULL,
        path TEXT NOT NULL, sha256 TEXT, PRIMARY KEY (night_id, position)
    ) WITHOUT ROWID;
INSERT INTO "night_files" VALUES('108787c4c33d1643',0,'nights/night-1.edf','3e38bb4b861dcff8decc184a65a103499e9b12df1b43a42d641170f2e867048f');
INSERT INTO "night_files" VALUES('4350cdac5e433f0b',0,'nights/night-0.edf','e35657e733e7db1e6800397a4462bcf259291826a49dc7db3a7d0b3a65685ebe');
CREATE TABLE nights (
        night_id TEXT PRIMARY KEY, part INTEGER NOT NULL, n_files INTEGER NOT NULL,
        fingerprint TEXT NOT NULL, settings_id TEXT NOT NULL, is_present INTEGER NOT NULL DEFAULT 1,
        page TEXT, file TEXT NOT NULL
    , "patient" TEXT, "start_local" TEXT, "duration_s" REAL, "device" TEXT, "rules_id" TEXT, "hsat_version" TEXT, "therapy" TEXT, "scoring" TEXT, "severity" TEXT, "adequacy" TEXT, "is_adequate" INTEGER, "reasons" TEXT, "denominator" TEXT, "is_class_stable" INTEGER, "is_cheyne_stokes" INTEGER, "monitoring_h" REAL, "flow_h" REAL, "spo2_h" REAL, "excluded_gap_min" REAL, "excluded_outside_lights_min" REAL, "excluded_awake_min" REAL, "excluded_unscored_min" REAL, "excluded_upright_min" REAL, "excluded_before_breathing_min" REAL, "excluded_after_breathing_min" REAL, "excluded_flow_sensor_off_min" REAL, "excluded_flow_missing_min" REAL, "excluded_movement_min" REAL, "excluded_no_baseline_min" REAL, "excluded_spo2_probe_off_min" REAL, "ahi_per_h" REAL, "apnea_index_per_h" REAL, "obstructive_apnea_index_per_h" REAL, "central_apnea_index_per_h" REAL, "mixed_apnea_index_per_h" REAL, "unclassified_apnea_index_per_h" REAL, "hypopnea_index_per_h" REAL, "obstructive_hypopnea_index_per_h" REAL, "central_hypopnea_index_per_h" REAL, "unclassified_hypopnea_index_per_h" REAL, "n_apneas" INTEGER, "n_hypopneas" INTEGER, "ventilatory_burden_percent" REAL, "snore_percent" REAL, "odi3_per_h" REAL, "odi4_per_h" REAL, "mean_spo2_percent" REAL, "median_spo2_percent" REAL, "min_spo2_percent" REAL, "baseline_spo2_percent" REAL, "t90_percent" REAL, "t90_min" REAL, "t88_percent" REAL, "t88_min" REAL, "t85_percent" REAL, "t85_min" REAL, "hypoxic_burden_percent_min_per_h" REAL, "desaturation_burden_percent_min_per_h" REAL, "mean_pulse_bpm" REAL, "min_pulse_bpm" REAL, "max_pulse_bpm" REAL, "pulse_response_bpm" REAL, "sleep_h" REAL, "rem_ahi_per_h" REAL, "rem_h" REAL, "nrem_ahi_per_h" REAL, "nrem_h" REAL, "supine_ahi_per_h" REAL, "non_supine_ahi_per_h" REAL, "supine_h" REAL, "non_supine_h" REAL, "left_h" REAL, "right_h" REAL, "prone_h" REAL, "upright_h" REAL, "mean_apnea_duration_s" REAL, "median_apnea_duration_s" REAL, "longest_apnea_duration_s" REAL, "mean_hypopnea_duration_s" REAL, "median_hypopnea_duration_s" REAL, "longest_hypopnea_duration_s" REAL, "cheyne_stokes_percent" REAL, "cheyne_stokes_min" REAL, "cheyne_stokes_cycle_s" REAL, "cheyne_stokes_events_per_h" REAL, "periodic_breathing_min" REAL, "age_years" REAL, "sex" TEXT, "is_card" INTEGER, "not_measured" TEXT, "notes" TEXT, "monitored_spans_s" TEXT, "gaps_s" TEXT);
INSERT INTO "nights" VALUES('4350cdac5e433f0b',1,1,'552592 1795351138593802756 1795351138593802756 2810109','a33d9d86efebbe72',1,NULL,'nights/night-0.edf',NULL,'2026-03-01T22:30:00',1800.0,'generic','aasm_1b@41e2be843411','0.1.0','unknown','automatic',NULL,'inadequate',0,'0.50 h with flow and SpO2 that can be judged: a class needs 2 h','monitoring',NULL,NULL,0.5,0.5,0.5,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,16.0,10.0,8.0,2.0,0.0,0.0,6.0,NULL,NULL,NULL,5,3,9.95575221238938112833e+00,NULL,16.0,14.0,9.50544444444444422935e+01,96.0,87.0,96.0,2.72222222222222187681e+00,8.16666666666666651863e-01,7.22222222222222209886e-01,2.16666666666666674068e-01,0.0,0.0,5.67333333333333342815e+01,5.67333333333333342815e+01,6.20377399529351123428e+01,5.39986877441406250017e+01,70.0018310546875,3.500091552734375e+00,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3.27199999999999846522e+01,3.77000000000000454756e+01,4.52000000000000454756e+01,2.71666666666665150846e+01,2.43999999999998635753e+01,3.79999999999997726271e+01,0.0,0.0,NULL,0.0,0.0,NULL,NULL,0,'{"indices.central_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.cheyne_stokes_cycle_s": "no run of Cheyne-Stokes breathing", "indices.left_h": "no position channel with a known coding", "indices.non_supine_ahi_per_h": "no position channel with a known coding", "indices.non_supine_h": "no position channel with a known coding", "indices.nrem_ahi_per_h": "no hypnogram was given", "indices.nrem_h": "no hypnogram was given", "indices.obstructive_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.prone_h": "no position channel with a known coding", "indices.rem_ahi_per_h": "no hypnogram was given", "indices.rem_h": "no hypnogram was given", "indices.right_h": "no position channel with a known coding", "indices.sleep_h": "no hypnogram was given", "indices.snore_percent": "no snore channel", "indices.supine_ahi_per_h": "no position channel with a known coding", "indices.supine_h": "no position channel with a known coding", "indices.unclassified_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.upright_h": "no position channel with a known coding", "severity": "0.50 h with flow and SpO2 that can be judged: a class needs 2 h"}','[{"code": "position_unknown", "text": "channel ''Position'': the numbers of this body position are not known; left out"}, {"code": "age_unknown", "text": "age unknown: scored as an adult"}]','[[0.0, 1800.0]]','[]');
INSERT INTO "nights" VALUES('108787c4c33d1643',1,1,'552592 1795351138599454733 1795351138599454733 2810110','a33d9d86efebbe72',1,NULL,'nights/night-1.edf',NULL,'2026-03-02T22:30:00',1800.0,'generic','aasm_1b@41e2be843411','0.1.0','unknown','automatic',NULL,'inadequate',0,'0.50 h with flow and SpO2 that can be judged: a class needs 2 h','monitoring',NULL,NULL,0.5,0.5,0.5,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,16.0,10.0,8.0,2.0,0.0,0.0,6.0,NULL,NULL,NULL,5,3,9.95575221238938112833e+00,NULL,16.0,14.0,9.50544444444444422935e+01,96.0,87.0,96.0,2.72222222222222187681e+00,8.16666666666666651863e-01,7.22222222222222209886e-01,2.16666666666666674068e-01,0.0,0.0,5.36333333333333328596e+01,5.36333333333333328596e+01,6.20377399529351123428e+01,5.39986877441406250017e+01,70.0018310546875,3.125286102294921875e+00,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3.27200000000000059676e+01,3.77000000000000454756e+01,4.52000000000000454756e+01,2.71666666666665150846e+01,2.43999999999998635753e+01,3.79999999999997726271e+01,0.0,0.0,NULL,0.0,0.0,NULL,NULL,0,'{"indices.central_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.cheyne_stokes_cycle_s": "no run of Cheyne-Stokes breathing", "indices.left_h": "no position channel with a known coding", "indices.non_supine_ahi_per_h": "no position channel with a known coding", "indices.non_supine_h": "no position channel with a known coding", "indices.nrem_ahi_per_h": "no hypnogram was given", "indices.nrem_h": "no hypnogram was given", "indices.obstructive_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.prone_h": "no position channel with a known coding", "indices.rem_ahi_per_h": "no hypnogram was given", "indices.rem_h": "no hypnogram was given", "indices.right_h": "no position channel with a known coding", "indices.sleep_h": "no hypnogram was given", "indices.snore_percent": "no snore channel", "indices.supine_ahi_per_h": "no position channel with a known coding", "indices.supine_h": "no position channel with a known coding", "indices.unclassified_hypopnea_index_per_h": "hypopneas are not typed by this rule set (optional: aasm_1b_typed)", "indices.upright_h": "no position channel with a known coding", "severity": "0.50 h with flow and SpO2 that can be judged: a class needs 2 h"}','[{"code": "position_unknown", "text": "channel ''Position'': the numbers of this body position are not known; left out"}, {"code": "age_unknown", "text": "age unknown: scored as an adult"}]','[[0.0, 1800.0]]','[]');
CREATE TABLE patient_nights (
        number INTEGER NOT NULL REFERENCES patients ON DELETE CASCADE, night_id TEXT NOT NULL, excluded TEXT,
        PRIMARY KEY (number, night_id)
    ) WITHOUT ROWID;
INSERT INTO "patient_nights" VALUES(1,'4350cdac5e433f0b','too little time to judge');
INSERT INTO "patient_nights" VALUES(2,'108787c4c33d1643','too little time to judge');
CREATE TABLE patients (
        number INTEGER PRIMARY KEY, patient TEXT, grouped_by TEXT NOT NULL, n_nights INTEGER NOT NULL,
        n_excluded INTEGER NOT NULL, first_night_local TEXT, last_night_local TEXT, monitoring_h REAL,
        pooled_ahi_per_h REAL, mean_ahi_per_h REAL, median_ahi_per_h REAL, sd_ahi_per_h REAL,
        min_ahi_per_h REAL, max_ahi_per_h REAL, rules_id TEXT, notes TEXT
    );
INSERT INTO "patients" VALUES(1,NULL,'alone',0,1,'2026-03-01T22:30:00','2026-03-01T22:30:00',0.0,NULL,NULL,NULL,NULL,NULL,NULL,'aasm_1b@41e2be843411',NULL);
INSERT INTO "patients" VALUES(2,NULL,'alone',0,1,'2026-03-02T22:30:00','2026-03-02T22:30:00',0.0,NULL,NULL,NULL,NULL,NULL,NULL,'aasm_1b@41e2be843411',NULL);
CREATE TABLE recordings (
        path TEXT PRIMARY KEY, folder TEXT NOT NULL, n_bytes INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        head_sha256 TEXT, sha256 TEXT, settings_id TEXT NOT NULL, fate TEXT NOT NULL, reason TEXT,
        original TEXT, group_key TEXT
    );
INSERT INTO "recordings" VALUES('nights/bad.edf','nights',600,'600 1795351138599708670 1795351138599708670 2810111','5a6a3591d13b026e7898871efa16cd570038f6db8184488d64f8c5a73656d7ff',NULL,'a33d9d86efebbe72','failed','nights/bad.edf: no EDF or BDF file: it does not begin with ''0'' or 255 and ''BIOSEMI''',NULL,NULL);
INSERT INTO "recordings" VALUES('nights/night-0.edf','nights',552592,'552592 1795351138593802756 1795351138593802756 2810109','f86a92eb3f1ed71ff39ba9c5006da583ae60e7f0661821d6d35decbb0305c65d','e35657e733e7db1e6800397a4462bcf259291826a49dc7db3a7d0b3a65685ebe','a33d9d86efebbe72','scored',NULL,NULL,NULL);
INSERT INTO "recordings" VALUES('nights/night-1.edf','nights',552592,'552592 1795351138599454733 1795351138599454733 2810110','78c5ca1707b14fd7429ebbf04a4260aed55358acb8088a2e2ea48f6e1475ac68','3e38bb4b861dcff8decc184a65a103499e9b12df1b43a42d641170f2e867048f','a33d9d86efebbe72','scored',NULL,NULL,NULL);
CREATE TABLE rule_sets (rules_id TEXT PRIMARY KEY, name TEXT NOT NULL, numbers TEXT NOT NULL);
INSERT INTO "rule_sets" VALUES('aasm_1b@41e2be843411','aasm_1b','{}');
CREATE TABLE runs (
        run_id INTEGER PRIMARY KEY, started_utc TEXT NOT NULL, stopped_utc TEXT, hsat_version TEXT NOT NULL,
        rules_id TEXT NOT NULL, settings_id TEXT NOT NULL, settings TEXT NOT NULL,
        n_scored INTEGER, n_failed INTEGER, is_complete INTEGER NOT NULL DEFAULT 0,
        exported TEXT
    );
INSERT INTO "runs" VALUES(1,'2026-11-22T12:44:30+00:00','2026-11-22T12:44:36+00:00','0.1.0','aasm_1b@41e2be843411','a33d9d86efebbe72','{"age_years": null, "channel_map": {}, "device": null, "hsat_version": "0.1.0", "keep_identifiers": false, "patient": null, "rules_id": "aasm_1b@41e2be843411", "sex": null, "site_key": "0e969f5fa5fc6599", "therapy": null}',2,1,1,'code False False 0.1.0');
CREATE INDEX recordings_by_content ON recordings (sha256);
CREATE INDEX night_files_by_path ON night_files (path);
COMMIT;
PRAGMA user_version = 1;
