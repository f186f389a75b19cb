/*
 * route_rows.h - what the closure query answered on PostgreSQL 15 for a small schema "app" with one of each kind
 * of trap.  Names of pg_catalog are bare; "!" marks what may be called in attribute notation.
 */
#ifndef PGWEIR_REGRESS_ROUTE_ROWS_H
#define PGWEIR_REGRESS_ROUTE_ROWS_H

#include <stdlib.h>
#include <string.h>

#include "route/verdict.h"

static const char unsafe_functions[] =
	"RI_FKey_cascade_del RI_FKey_cascade_upd RI_FKey_check_ins RI_FKey_check_upd RI_FKey_noaction_del "
	"RI_FKey_noaction_upd RI_FKey_restrict_del RI_FKey_restrict_upd RI_FKey_setdefault_del RI_FKey_setdefault_upd "
	"RI_FKey_setnull_del RI_FKey_setnull_upd amvalidate app.agg_w app.audit app.castf! app.deflt app.f_row_write! "
	"app.new_body app.pair_w app.psum app.stable_liar app.total binary_upgrade_create_empty_extension "
	"binary_upgrade_set_missing_value binary_upgrade_set_next_array_pg_type_oid "
	"binary_upgrade_set_next_attribute_versions binary_upgrade_set_next_heap_pg_class_oid "
	"binary_upgrade_set_next_heap_relfilenode binary_upgrade_set_next_index_pg_class_oid "
	"binary_upgrade_set_next_index_relfilenode binary_upgrade_set_next_multirange_array_pg_type_oid "
	"binary_upgrade_set_next_multirange_pg_type_oid binary_upgrade_set_next_pg_authid_oid "
	"binary_upgrade_set_next_pg_enum_oid binary_upgrade_set_next_pg_tablespace_oid "
	"binary_upgrade_set_next_pg_type_oid binary_upgrade_set_next_toast_pg_class_oid "
	"binary_upgrade_set_next_toast_relfilenode binary_upgrade_set_record_init_privs brin_desummarize_range "
	"brin_summarize_new_values brin_summarize_range brinhandler! bthandler! current_query currtid2 currval "
	"cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema dsnowball_init! "
	"dsnowball_lexize gin_clean_pending_list ginhandler! gisthandler! hashhandler! heap_tableam_handler! "
	"inet_client_addr inet_client_port inet_server_addr inet_server_port lastval lo_close lo_creat lo_create "
	"lo_export lo_from_bytea lo_import lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate "
	"lo_truncate64 lo_unlink loread lowrite nextval pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock "
	"pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared "
	"pg_available_extension_versions pg_available_extensions pg_backend_pid pg_backup_start pg_backup_stop "
	"pg_blocking_pids pg_cancel_backend pg_conf_load_time pg_config pg_control_checkpoint pg_control_init "
	"pg_control_recovery pg_control_system pg_copy_logical_replication_slot pg_copy_physical_replication_slot "
	"pg_create_logical_replication_slot pg_create_physical_replication_slot pg_create_restore_point "
	"pg_current_logfile pg_current_snapshot pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn "
	"pg_current_xact_id pg_current_xact_id_if_assigned pg_cursor pg_database_collation_actual_version "
	"pg_database_size pg_drop_replication_slot pg_export_snapshot pg_extension_config_dump "
	"pg_extension_update_paths pg_get_backend_memory_contexts pg_get_multixact_members pg_get_replication_slots "
	"pg_get_shmem_allocations pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_hba_file_rules "
	"pg_ident_file_mappings pg_import_system_collations pg_is_in_recovery pg_is_wal_replay_paused "
	"pg_isolation_test_session_is_blocked pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn "
	"pg_last_xact_replay_timestamp pg_listening_channels pg_lock_status pg_log_backend_memory_contexts "
	"pg_logical_emit_message pg_logical_slot_get_binary_changes pg_logical_slot_get_changes "
	"pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes pg_ls_archive_statusdir pg_ls_dir "
	"pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_tmpdir pg_ls_waldir pg_nextoid "
	"pg_notification_queue_usage pg_notify pg_postmaster_start_time pg_prepared_statement pg_prepared_xact "
	"pg_promote pg_read_binary_file pg_read_file pg_read_file_old pg_reload_conf pg_replication_origin_advance "
	"pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_progress "
	"pg_replication_origin_session_is_setup pg_replication_origin_session_progress "
	"pg_replication_origin_session_reset pg_replication_origin_session_setup pg_replication_origin_xact_reset "
	"pg_replication_origin_xact_setup pg_replication_slot_advance pg_rotate_logfile pg_rotate_logfile_old "
	"pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_show_all_file_settings pg_show_all_settings "
	"pg_show_replication_origin_status pg_stat_clear_snapshot pg_stat_file pg_stat_force_next_flush "
	"pg_stat_get_activity pg_stat_get_analyze_count pg_stat_get_archiver pg_stat_get_autoanalyze_count "
	"pg_stat_get_autovacuum_count pg_stat_get_backend_activity pg_stat_get_backend_activity_start "
	"pg_stat_get_backend_client_addr pg_stat_get_backend_client_port pg_stat_get_backend_dbid "
	"pg_stat_get_backend_idset pg_stat_get_backend_pid pg_stat_get_backend_start pg_stat_get_backend_userid "
	"pg_stat_get_backend_wait_event pg_stat_get_backend_wait_event_type pg_stat_get_backend_xact_start "
	"pg_stat_get_bgwriter_buf_written_checkpoints pg_stat_get_bgwriter_buf_written_clean "
	"pg_stat_get_bgwriter_maxwritten_clean pg_stat_get_bgwriter_requested_checkpoints "
	"pg_stat_get_bgwriter_stat_reset_time pg_stat_get_bgwriter_timed_checkpoints pg_stat_get_blocks_fetched "
	"pg_stat_get_blocks_hit pg_stat_get_buf_alloc pg_stat_get_buf_fsync_backend pg_stat_get_buf_written_backend "
	"pg_stat_get_checkpoint_sync_time pg_stat_get_checkpoint_write_time pg_stat_get_db_active_time "
	"pg_stat_get_db_blk_read_time pg_stat_get_db_blk_write_time pg_stat_get_db_blocks_fetched "
	"pg_stat_get_db_blocks_hit pg_stat_get_db_checksum_failures pg_stat_get_db_checksum_last_failure "
	"pg_stat_get_db_conflict_all pg_stat_get_db_conflict_bufferpin pg_stat_get_db_conflict_lock "
	"pg_stat_get_db_conflict_snapshot pg_stat_get_db_conflict_startup_deadlock pg_stat_get_db_conflict_tablespace "
	"pg_stat_get_db_deadlocks pg_stat_get_db_idle_in_transaction_time pg_stat_get_db_numbackends "
	"pg_stat_get_db_session_time pg_stat_get_db_sessions pg_stat_get_db_sessions_abandoned "
	"pg_stat_get_db_sessions_fatal pg_stat_get_db_sessions_killed pg_stat_get_db_stat_reset_time "
	"pg_stat_get_db_temp_bytes pg_stat_get_db_temp_files pg_stat_get_db_tuples_deleted "
	"pg_stat_get_db_tuples_fetched pg_stat_get_db_tuples_inserted pg_stat_get_db_tuples_returned "
	"pg_stat_get_db_tuples_updated pg_stat_get_db_xact_commit pg_stat_get_db_xact_rollback "
	"pg_stat_get_dead_tuples pg_stat_get_function_calls pg_stat_get_function_self_time "
	"pg_stat_get_function_total_time pg_stat_get_ins_since_vacuum pg_stat_get_last_analyze_time "
	"pg_stat_get_last_autoanalyze_time pg_stat_get_last_autovacuum_time pg_stat_get_last_vacuum_time "
	"pg_stat_get_live_tuples pg_stat_get_mod_since_analyze pg_stat_get_numscans pg_stat_get_progress_info "
	"pg_stat_get_recovery_prefetch pg_stat_get_replication_slot pg_stat_get_slru pg_stat_get_snapshot_timestamp "
	"pg_stat_get_subscription pg_stat_get_subscription_stats pg_stat_get_tuples_deleted "
	"pg_stat_get_tuples_fetched pg_stat_get_tuples_hot_updated pg_stat_get_tuples_inserted "
	"pg_stat_get_tuples_returned pg_stat_get_tuples_updated pg_stat_get_vacuum_count pg_stat_get_wal "
	"pg_stat_get_wal_receiver pg_stat_get_wal_senders pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit "
	"pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time "
	"pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched "
	"pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_returned "
	"pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_stat_reset pg_stat_reset_replication_slot "
	"pg_stat_reset_shared pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters "
	"pg_stat_reset_slru pg_stat_reset_subscription_stats pg_stop_making_pinned_objects pg_switch_wal "
	"pg_tablespace_location pg_tablespace_size pg_terminate_backend pg_trigger_depth pg_try_advisory_lock "
	"pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_wal_replay_pause "
	"pg_wal_replay_resume pg_walfile_name pg_walfile_name_offset pg_xact_commit_timestamp "
	"pg_xact_commit_timestamp_origin pg_xact_status plpgsql_call_handler plpgsql_inline_handler! "
	"plpgsql_validator query_to_xml query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml "
	"schema_to_xml_and_xmlschema set_config setseed setval spghandler! suppress_redundant_updates_trigger "
	"table_to_xml table_to_xml_and_xmlschema ts_rewrite ts_stat tsvector_update_trigger "
	"tsvector_update_trigger_column txid_current txid_current_if_assigned txid_current_snapshot txid_status "
	"unique_key_recheck";

static const char unsafe_operators[] =
	"app.===";

static const char unsafe_relations[] =
	"app.child app.ft app.parent app.part app.part_1 app.plain_id_seq app.rls app.rls2 app.unl app.v_audit "
	"app.v_lock app.v_total app.v_v pg_available_extension_versions pg_available_extensions "
	"pg_backend_memory_contexts pg_config pg_cursors pg_file_settings pg_hba_file_rules pg_ident_file_mappings "
	"pg_locks pg_prepared_statements pg_prepared_xacts pg_replication_origin_status pg_replication_slots "
	"pg_sequences pg_settings pg_shmem_allocations pg_stat_activity pg_stat_all_indexes pg_stat_all_tables "
	"pg_stat_archiver pg_stat_bgwriter pg_stat_database pg_stat_database_conflicts pg_stat_gssapi "
	"pg_stat_progress_analyze pg_stat_progress_basebackup pg_stat_progress_cluster pg_stat_progress_copy "
	"pg_stat_progress_create_index pg_stat_progress_vacuum pg_stat_recovery_prefetch pg_stat_replication "
	"pg_stat_replication_slots pg_stat_slru pg_stat_ssl pg_stat_subscription pg_stat_subscription_stats "
	"pg_stat_sys_indexes pg_stat_sys_tables pg_stat_user_functions pg_stat_user_indexes pg_stat_user_tables "
	"pg_stat_wal pg_stat_wal_receiver pg_stat_xact_all_tables pg_stat_xact_sys_tables pg_stat_xact_user_functions "
	"pg_stat_xact_user_tables pg_statio_all_indexes pg_statio_all_sequences pg_statio_all_tables "
	"pg_statio_sys_indexes pg_statio_sys_sequences pg_statio_sys_tables pg_statio_user_indexes "
	"pg_statio_user_sequences pg_statio_user_tables";

static const char unsafe_types[] =
	"app._child app._dom_l app._dom_w app._ft app._pair app._parent app._part app._part_1 app._rls app._rls2 "
	"app._unl app._v_audit app._v_lock app._v_total app._v_v app.child app.dom_l app.dom_w app.ft app.pair "
	"app.parent app.part app.part_1 app.rls app.rls2 app.unl app.v_audit app.v_lock app.v_total app.v_v";

static inline void
add_rows(struct catalog_facts *facts, char kind, const char *names)
{
	char *copy = text_copy(names), *rest = NULL;

	for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		bool attribute = word[strlen(word) - 1] == '!';
		char *dot = kind == 'o' && strncmp(word, "app.", 4) != 0 ? NULL : strchr(word, '.');

		if (attribute)
			word[strlen(word) - 1] = '\0';
		if (dot != NULL)
			*dot = '\0';
		facts_add(facts, kind, dot != NULL ? word : "pg_catalog", dot != NULL ? dot + 1 : word, attribute);
	}
	free(copy);
}

static inline struct catalog_facts *
known_facts(uint64_t generation)
{
	struct catalog_facts *facts = facts_new(generation);

	add_rows(facts, 'f', unsafe_functions);
	add_rows(facts, 'o', unsafe_operators);
	add_rows(facts, 'r', unsafe_relations);
	add_rows(facts, 't', unsafe_types);
	return facts;
}

static inline struct route_context
plain_context(const struct catalog_facts *facts)
{
	return (struct route_context){
	    .facts = facts, .standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true, .database_id = 1};
}

#endif
