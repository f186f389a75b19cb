/*
 * facts_sql.c - the queries that ask a database for its unsafe names.
 *
 * pg_depend has no rows for built-in objects, so whatever calls an unsafe built-in
 * (view rules, policies, defaults, domain checks, SQL bodies) is found by searching
 * the stored node trees for the oids of those built-ins: that is "the pattern".
 * From these roots a recursive query follows pg_depend to all that hides them.
 * A rule that locks rows is found the same way.  Temporary relations are roots too:
 * whoever made one means it with the bare name, and a replica has none.
 * They run with search_path = pg_catalog, and need no right but CONNECT.
 */
#include "route/facts.h"

#include "facts_private.h"

#include <string.h>

/* Moves with each change of the table: what is new has a later xmin. */
#define SQL_COUNT_OF(table) \
	"(select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(xmin::pg_catalog.text::pg_catalog.numeric), 0)" \
	" from pg_catalog." table ")"

/* Who answers: statistics begin anew after a crash, and a server may be one of another history. */
#define SQL_WHO \
	"pg_catalog.pg_postmaster_start_time(), pg_catalog.pg_stat_get_bgwriter_stat_reset_time()," \
	" (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())"

/*
 * The text is about whoever answers, the eras of its transaction ids, and its built-ins.  A standby does not know what
 * became of the rows that it had; xmin comes again after two eras.
 */
static const char sql_begin[] =
	"begin isolation level repeatable read read only; set local search_path = pg_catalog; set local jit = off;"
	" set local enable_mergejoin = off; set local statement_timeout = '10s'; set local standard_conforming_strings = on;"
	" select concat_ws(' ', " SQL_WHO ", txid_snapshot_xmin(txid_current_snapshot()) >> 31,"
	" (select count(*) || ':' || sum(xmin::text::bigint) from pg_proc where oid < 16384),"
	" case when pg_is_in_recovery() then clock_timestamp() end),"
	/* Twice what is there: recursive queries clear as much of it at once as wrong estimates ask for. */
	" set_config('work_mem', least(65536, greatest(4096, 2 * pg_relation_size('pg_class') / 1024)) || 'kB', true)";

/* Whatever is made or dropped has rows in pg_depend; the other catalogs have some that change by themselves. */
static const char sql_change[] =
	"select pg_catalog.concat_ws(' ', " SQL_WHO
	", pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(c) + pg_catalog.pg_stat_get_tuples_updated(c)"
	" + pg_catalog.pg_stat_get_tuples_deleted(c))), " SQL_COUNT_OF("pg_db_role_setting")
	", pg_catalog.current_setting('track_counts')::bool and not pg_catalog.pg_is_in_recovery()"
	" from pg_catalog.unnest('{pg_catalog.pg_proc,pg_catalog.pg_class,pg_catalog.pg_rewrite,pg_catalog.pg_type,"
	"pg_catalog.pg_operator,pg_catalog.pg_cast,pg_catalog.pg_policy,pg_catalog.pg_inherits,pg_catalog.pg_constraint,"
	"pg_catalog.pg_aggregate,pg_catalog.pg_amproc,pg_catalog.pg_trigger,pg_catalog.pg_depend,pg_catalog.pg_namespace,"
	"pg_catalog.pg_event_trigger,pg_catalog.pg_authid,pg_catalog.pg_db_role_setting}'::pg_catalog.regclass[]) c";

static const char sql_change_slow[] =
	"select pg_catalog.concat_ws(' '"
	", " SQL_COUNT_OF("pg_proc") ", " SQL_COUNT_OF("pg_rewrite") ", " SQL_COUNT_OF("pg_class")
	", " SQL_COUNT_OF("pg_type") ", " SQL_COUNT_OF("pg_operator") ", " SQL_COUNT_OF("pg_cast")
	", " SQL_COUNT_OF("pg_policy") ", " SQL_COUNT_OF("pg_constraint") ", " SQL_COUNT_OF("pg_trigger")
	", " SQL_COUNT_OF("pg_attrdef") ", " SQL_COUNT_OF("pg_inherits") ", " SQL_COUNT_OF("pg_aggregate")
	", " SQL_COUNT_OF("pg_amproc") ", " SQL_COUNT_OF("pg_namespace") ", " SQL_COUNT_OF("pg_event_trigger") ")";

static const char sql_rules[] =
	"select oid, xmin, ev_class from pg_catalog.pg_rewrite";

/*
 * Built-ins that a replica must not run: the volatile ones that are not known to be
 * harmless, and those that answer for their own server or session, or run SQL that
 * hides in an argument.
 */
#define SQL_BUILTINS \
	"harmless(n) as (select\n" \
	"   unnest('{random,random_normal,clock_timestamp,timeofday,gen_random_uuid,uuidv4,uuidv7,pg_sleep,pg_sleep_for,pg_sleep_until,\n" \
	"   bernoulli,system,lo_get,pg_relation_size,pg_table_size,pg_indexes_size,pg_total_relation_size,pg_partition_tree,\n" \
	"      pg_partition_ancestors,\n" \
	"   pg_collation_actual_version,pg_jit_available}'::name[])),\n" \
	"nodelocal as (\n" \
	"  select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace and provolatile <> 'v' and (\n" \
	"     proname in ('pg_backend_pid','pg_conf_load_time','pg_postmaster_start_time','pg_current_snapshot','pg_current_xact_id',\n" \
	"        'pg_current_xact_id_if_assigned',\n" \
	"       'txid_current','txid_current_if_assigned','txid_current_snapshot','inet_client_addr','inet_client_port',\n" \
	"          'inet_server_addr','inet_server_port',\n" \
	"       'pg_listening_channels','pg_cursor','pg_prepared_statement','pg_show_all_settings','pg_get_replication_slots',\n" \
	"          'pg_config',\n" \
	"       'pg_available_extensions','pg_available_extension_versions','pg_extension_update_paths','pg_walfile_name',\n" \
	"          'pg_walfile_name_offset',\n" \
	"       'pg_tablespace_location','pg_trigger_depth','pg_get_wait_events','pg_input_is_valid','pg_input_error_info',\n" \
	"       'table_to_xml','table_to_xml_and_xmlschema','schema_to_xml','schema_to_xml_and_xmlschema','database_to_xml',\n" \
	"          'database_to_xml_and_xmlschema')\n" \
	"     or proname like 'pg\\_stat\\_%')),\n" \
	"badbuiltin as (select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v' and\n" \
	"   proname not in (select n from harmless)\n" \
	"   union select oid from nodelocal)\n"

static const char sql_pattern[] =
	"with " SQL_BUILTINS
	"select ':(?:rowMarks [(]|commandType [2-5] |(?:funcid|aggfnoid|winfnoid|opfuncid) (?:' || string_agg(oid::text, '|' order by oid) || ') )' from badbuiltin";

/*
 * What the stored trees of rules call: a tree is cut at each label of an oid, which is
 * ten times as fast as a pattern of all oids.  A view is as unsafe as what it calls, and
 * as one that locks rows.
 */
static const char sql_calls_head[] =
	",\n"
	"s(o, t) as materialized (select oid::text, '' from badbuiltin union all select o, n from b),\n"
	"x(o, x) as materialized (select r.oid, r.ev_action::text || ' ' from pg_rewrite r";

static const char sql_calls_tail[] =
	")\n"
	"select distinct x.o, s.t, null::oid from x cross join lateral\n"
	"   unnest(string_to_array(x.x, 'funcid ') || string_to_array(x.x, 'fnoid ') || string_to_array(x.x, ':relid ')) p(p)\n"
	"   join s on s.o = split_part(left(p.p, 11), ' ', 1)\n"
	"union all select o, '', null from x where strpos(x, ':rowMarks (') > 0\n"
	"union all select o, 'pg_catalog.pg_notify', null from x where strpos(x, '{NOTIFYSTMT ') > 0\n"
	/* it has them as long as it is the rule that it is: what is dropped takes the rule along */
	"union all select distinct x.o, null, d.refobjid from x join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = x.o\n"
	"   and d.refclassid = 'pg_class'::regclass and d.refobjid >= 16384 and d.deptype = 'n' where x.o >= 16384\n";

/* A type of users, and the relation whose rows are of it: their casts and operators need no mention of the type. */
#define SQL_TYPE_AND_ROWS(type) \
	"(select 'pg_type'::regclass::oid, " type " where " type " >= 12000\n" \
	"  union all select 'pg_class'::regclass::oid, y.typrelid from pg_type y where y.oid = " type " and y.typrelid <> 0 and " type " >= 12000)"

/* Volatile functions of known extensions that only compute; volatile functions of the database; stable ones that call. */
static const char sql_closure_head[] =
	SQL_BUILTINS ",\n"
	"harmless_ext(e, n) as (values ('pgcrypto','gen_random_uuid'),('pgcrypto','gen_random_bytes'),('pgcrypto','gen_salt'),\n"
	"   ('pgcrypto','pgp_sym_encrypt'),('pgcrypto','pgp_sym_encrypt_bytea'),\n"
	"   ('pgcrypto','pgp_pub_encrypt'),('pgcrypto','pgp_pub_encrypt_bytea'),('uuid-ossp','uuid_generate_v1'),('uuid-ossp',\n"
	"      'uuid_generate_v1mc'),('uuid-ossp','uuid_generate_v4'),\n"
	"   ('tablefunc','normal_rand'),('tsm_system_rows','system_rows'),('tsm_system_time','system_time'),('intagg',\n"
	"      'int_agg_state'),('intagg','int_agg_final_array'),('intagg','int_array_aggregate')),\n"
	"harmless_own(o) as materialized (select d.objid from harmless_ext h join pg_extension e on e.extname = h.e join pg_depend d on\n"
	"     d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid\n"
	"     join pg_proc p on p.oid = d.objid and p.proname = h.n\n"
	"  union all select p.oid from given cross join lateral unnest(vouched) v(v) join pg_namespace n on v.v like '%.%'\n"
	"     and n.nspname = left(v.v, length(n.nspname)) join pg_proc p on p.pronamespace = n.oid\n"
	"     and v.v in (n.nspname || '.' || p.proname, n.nspname || '.*')),\n"
	"hides_builtin(c, o, f) as (\n"
	"  select 'pg_operator'::regclass::oid, x.o, b.oid from pg_operator o join badbuiltin b on b.oid = o.oprcode::oid cross join lateral\n"
	"     (select o.oid union select q.oid from pg_operator q where o.oid in (q.oprnegate, q.oprcom)) x(o) where o.oid >= 12000\n"
	"  union all select 'pg_proc'::regclass, a.aggfnoid, f from pg_aggregate a cross join lateral unnest(array[aggtransfn, aggfinalfn,\n"
	"     aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) f\n"
	"     where a.aggfnoid >= 12000 and f in (select oid from badbuiltin)\n"
	"  union all select x.c, x.o, b.oid from pg_cast c join badbuiltin b on b.oid = c.castfunc cross join lateral\n"
	"     unnest(array[c.castsource, c.casttarget]) t cross join lateral " SQL_TYPE_AND_ROWS("t") " x(c, o)\n"
	"  union all select x.c, x.o, b.oid from pg_amproc a join badbuiltin b on b.oid = a.amproc::oid cross join lateral\n"
	"     " SQL_TYPE_AND_ROWS("a.amproclefttype") " x(c, o)\n"
	"  union all select 'pg_proc'::regclass, p.oid, b.oid from pg_proc p join pg_proc q on q.prosrc = p.prosrc join badbuiltin b on b.oid = q.oid\n"
	"     where p.oid >= 12000 and p.prolang = 12),\n"
	"given_sql(o) as (\n"
	"  select p.oid from pg_proc p join (values ('tablefunc', 'crosstab|crosstab_hash|connectby_text|connectby_text_serial'),\n"
	"     ('pgxml', 'xpath_table'), ('isn', 'accept_weak_input|weak_input_status'), ('sslinfo', '.*')) v(library, symbols)\n"
	"     on p.probin ~ ('(^|/)' || v.library || '([.]so)?$') and p.prosrc ~ ('^(' || v.symbols || ')$') where p.prolang = 13),\n"
	"badfn as (\n"
	"  select oid from badbuiltin\n"
	"  union all select o from given_sql where o not in (select o from harmless_own)\n"
	"  union all select o from unnest((select liars from given)::oid[]) o where o not in (select o from harmless_own)\n"
	"  union all select p.oid from pg_proc p where p.oid >= 12000 and case when p.provolatile = 'v' then p.prokind in ('f','w') and\n"
	"     p.prorettype not in (2279, 3838)\n"
	"      and p.pronamespace <> 'information_schema'::regnamespace and p.oid not in (select o from harmless_own)\n"
	"      else ( p.proargdefaults::text ~ (select rx from given)\n";

static const char sql_closure_bodies[] =
	"         or p.prosqlbody::text ~ (select rx from given)\n";

/* What a body that is text mentions when it may write or answers for its own server or session. */
#define SQL_UNSAFE_WORDS \
	"'\\m(nextval|setval|currval|lastval|set_config|pg_(try_)?advisory_\\w+|txid_\\w+|pg_current_\\w+|pg_notify|pg_is_in_recovery|pg_backend_pid|pg_export_snapshot" \
	"|lo_\\w+|dblink\\w*|pg_stat\\w*|pg_locks|pg_settings|pg_cursors|\\w+_to_xml\\w*)\\M'"

/*
 * What depends on an unsafe object hides it, or belongs to what does: a rule (k, i) to its view (c, o), a check to its
 * domain, a cast to its types.  via: only when what is unsafe is of that class.  A composite type's relation depends on
 * the type, and not the other way round.
 */
static const char sql_at[] =
	"at(k, i, c, o, via) as materialized (\n"
	"  select 'pg_rewrite'::regclass::oid, r.oid, 'pg_class'::regclass::oid, r.ev_class, 0::oid from pg_rewrite r\n"
	"     where r.ev_type = '1' and r.ev_class not in (select oid from pg_class where relkind = 'm')\n"
	"  union all select 'pg_policy'::regclass, p.oid, 'pg_class'::regclass, polrelid, 0 from pg_policy p join pg_class k on k.oid = polrelid\n"
	"     where polcmd in ('r','*') and k.relrowsecurity\n"
	/* NOT (a ==~ b) is run as its negator, and 5 < a as a > 5 */
	"  union all select 'pg_operator'::regclass, n.oid, 'pg_operator'::regclass, x.o, 0 from pg_operator o join pg_operator n on\n"
	"     n.oid in (o.oprnegate, o.oprcom) cross join lateral (values (n.oid), (o.oid)) x(o) where n.oid >= 12000\n"
	"  union all select 'pg_constraint'::regclass, oid, 'pg_type'::regclass, contypid, 0 from pg_constraint where contypid <> 0\n"
	"  union all select 'pg_class'::regclass, k.oid, x.c, x.o, 'pg_type'::regclass from pg_class k cross join lateral\n"
	"     (values ('pg_class'::regclass::oid, k.oid), ('pg_type'::regclass, k.reltype)) x(c, o) where k.relkind = 'c'\n"
	"  union all select 'pg_cast'::regclass, a.oid, x.c, x.o, 'pg_proc'::regclass from pg_cast a cross join lateral\n"
	"     (values (a.castsource), (a.casttarget)) t(oid) cross join lateral " SQL_TYPE_AND_ROWS("t.oid") " x(c, o)\n"
	"     where t.oid >= 12000\n"
	"  union all select 'pg_amproc'::regclass, a.oid, x.c, x.o, 'pg_proc'::regclass from pg_amproc a cross join lateral\n"
	"     " SQL_TYPE_AND_ROWS("a.amproclefttype") " x(c, o) where amproclefttype >= 12000\n"
	/* grouping and sorting use the operators of btree (403) and hash (405), whatever they are called */
	"  union all select 'pg_amop'::regclass, a.oid, x.c, x.o, 'pg_operator'::regclass from pg_amop a cross join lateral\n"
	"     " SQL_TYPE_AND_ROWS("a.amoplefttype") " x(c, o)\n"
	"     where amoplefttype >= 12000 and amopmethod in (403, 405)),\n";

/* Does what depends on an object of class C hide it by itself?  It is CLASS, OBJECT, and stands in no row of at. */
#define SQL_HIDES_ITSELF(class, object, c) \
	"case when " class " in ('pg_proc'::regclass, 'pg_operator'::regclass) then true\n" \
	"     when " class " = 'pg_type'::regclass then " c " in ('pg_class'::regclass, 'pg_type'::regclass)\n" \
	"     when " class " = 'pg_class'::regclass then " c " = 'pg_type'::regclass and exists (select from pg_class k\n" \
	"        where k.oid = " object " and k.relkind in ('r','p','v','m','f')) else false end\n"

/*
 * The closure.  attr: of a function, may it be called in attribute notation on a row; of a type, its oid.  't' rows of the
 * catalog itself are targets of casts between built-in types by an unsafe function,
 * and '*' the implicit ones among them, after which nothing is safe.
 */
static const char sql_closure_tail[] =
	"         or (p.prolang not in (12, 13, 14) and p.prolang <> (select plpgsql from given) and p.pronamespace not in ('pg_catalog'::regnamespace,'information_schema'::regnamespace)\n"
	"             and p.prosrc ~*\n"
	"                " SQL_UNSAFE_WORDS ")) end),\n"
	"inh(o) as (\n"
	"  select i.inhparent from pg_inherits i join pg_class k on k.oid = i.inhrelid where k.relkind = 'f' or (k.relpersistence\n"
	"     = 'u' and k.relkind in ('r','p'))\n"
	"  union select i.inhparent from inh join pg_inherits i on i.inhrelid = inh.o),\n"
	"root(c, o) as (\n"
	"  select 'pg_class'::regclass::oid, o from inh union all\n"
	"  select 'pg_proc'::regclass::oid, oid from badfn\n"
	"  union all select c, o from hides_builtin where o not in (select o from harmless_own)\n"
	"  union all select 'pg_class'::regclass, c.oid from pg_class c where relkind in ('S','f') or (relpersistence = 'u' and\n"
	"     relkind in ('r','p','t')) or (relpersistence = 't' and relkind in ('r','p','v'))\n"
	"  union all select 'pg_class'::regclass, r.ev_class from pg_rewrite r join pg_class c on c.oid = r.ev_class where\n"
	"     c.relkind = 'v' and r.ev_type = '1' and r.oid = any((select hits from given)::oid[])\n"
	"  union all select 'pg_class'::regclass, p.polrelid from pg_policy p join pg_class c on c.oid = p.polrelid where\n"
	"     c.relrowsecurity and p.polcmd in ('r','*') and p.polqual::text ~ (select rx from given)\n"
	"  union all select 'pg_type'::regclass, k.contypid from pg_constraint k where k.contypid <> 0 and k.conbin::text ~\n"
	"     (select rx from given)),\n";

static const char sql_unsafe[] =
	"u(c, o) as (\n"
	"  select c, o from root\n"
	"  union\n"
	"  select coalesce(at.c, d.classid), coalesce(at.o, d.objid) from u join pg_depend d on d.refclassid = u.c and d.refobjid = u.o\n"
	"     left join at on at.k = d.classid and at.i = d.objid\n"
	"     where case when at.k is not null then at.via in (0, u.c) else " SQL_HIDES_ITSELF("d.classid", "d.objid", "u.c") " end),\n"
	/* what a cast between built-in types is also used for: arrays, domains and rows of its target */
	"targets(o) as (\n"
	"  select a.casttarget from pg_cast a join u on u.c = 'pg_proc'::regclass and u.o = a.castfunc where a.casttarget < 12000 and\n"
	"     a.castsource < 12000\n"
	"  union select x.o from targets join (select typelem, oid from pg_type where typlen = -1 and typelem <> 0\n"
	"     union all select typbasetype, oid from pg_type where typbasetype <> 0\n"
	"     union all select a.atttypid, k.reltype from pg_attribute a join pg_class k on k.oid = a.attrelid where a.attnum > 0 and\n"
	"        k.reltype <> 0) x(part, o) on x.part = targets.o)\n";

/* Of u those of that catalog: an array hides from the planner that it takes u for large, and reads all of the catalog. */
#define SQL_MEMBERS(catalog) "unnest(array(select o from u where c = '" catalog "'::regclass)) x(o)"

/* What is in u is there once, but for functions of one name. */
static const char sql_closure_rows[] =
	"select distinct 'f' kind, n.nspname nsp, p.proname name, case when p.pronargs >= 1 and p.pronargs - p.pronargdefaults <= 1\n"
	"     and (t.typtype = 'c' or t.typtype = 'p' or p.provariadic <> 0) then 't' else 'f' end attr\n"
	"  from " SQL_MEMBERS("pg_proc") " join pg_proc p on p.oid = x.o join pg_namespace n on n.oid = p.pronamespace\n"
	"  left join pg_type t on t.oid = p.proargtypes[0]\n"
	"union all select 'o', n.nspname, o.oprname, '' from " SQL_MEMBERS("pg_operator") " join pg_operator o on o.oid = x.o\n"
	"   join pg_namespace n on n.oid = o.oprnamespace\n"
	"union all select 'r', n.nspname, k.relname, '' from " SQL_MEMBERS("pg_class") " join pg_class k on k.oid = x.o\n"
	"   join pg_namespace n on n.oid = k.relnamespace where k.relkind <> 'c'\n"
	"union all select 't', n.nspname, t.typname, x.o::text from " SQL_MEMBERS("pg_type") " join pg_type t on t.oid = x.o\n"
	"   join pg_namespace n on n.oid = t.typnamespace\n"
	"union all select 't', n.nspname, t.typname, '' from targets join pg_type t on t.oid = targets.o join pg_namespace n on\n"
	"   n.oid = t.typnamespace\n"
	"union all select '*', 'pg_catalog', a.castsource::regtype || ' -> ' || a.casttarget::regtype, '' from pg_cast a join u\n"
	"   on u.c = 'pg_proc'::regclass and u.o = a.castfunc\n"
	"       where a.castcontext <> 'e' and a.casttarget < 12000 and a.castsource < 12000\n"
	"union all select '*', 'pg_catalog', a.amproc::text, '' from pg_amproc a join u on u.c = 'pg_proc'::regclass and u.o = a.amproc::oid\n"
	"       where a.amproclefttype < 12000\n"
	"union all select '*', 'pg_catalog', a.amopopr::text, '' from pg_amop a join u on u.c = 'pg_operator'::regclass and u.o = a.amopopr\n"
	"       where a.amoplefttype < 12000 and a.amopmethod in (403, 405)\n"
	"union all select 'd', coalesce(r.rolname, ''), lower(regexp_replace(c, '=(true|yes|t|y|1)$', '=on')), '' from pg_db_role_setting s\n"
	"   left join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) c\n"
	"       where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))\n"
	"       and c ~ '^default_transaction_(isolation|read_only)='\n"
	"union all select 'd', '', name || '=' || setting, '' from pg_settings\n"
	"       where name in ('default_transaction_isolation', 'default_transaction_read_only') and source in ('configuration file', 'command line')\n";

/* Which unsafe built-ins a stored node tree calls. */
#define SQL_CALLED(tree) \
	"coalesce('it calls ' || (select string_agg(distinct b.oid::regproc::text, ', ') from badbuiltin b\n" \
	"      where position(':funcid ' || b.oid || ' ' in " tree ") > 0),\n" \
	"   'it calls what may write or answers for its own server or session, or locks rows')\n"

/* What is unsafe and hidden by the object C, O: the way back. */
#define SQL_HIDDEN(c, o) \
	"select d.refclassid, d.refobjid from (select at.k, at.i, at.via from at where at.c = " c " and at.o = " o "\n" \
	"     union all select " c ", " o ", null where not exists (select from at where at.k = " c " and at.i = " o ")) y(k, i, via)\n" \
	"  join pg_depend d on d.classid = y.k and d.objid = y.i\n" \
	"  where (d.refclassid, d.refobjid) in (select c, o from u) and (d.refclassid, d.refobjid) <> (" c ", " o ")\n" \
	"    and case when y.via is not null then y.via in (0, d.refclassid) else " SQL_HIDES_ITSELF(c, o, "d.refclassid") " end"

/* Behind the closure and the asked name: each object of that name that is in the closure, what puts it there, and so up to a root. */
static const char sql_causes_rows[] =
	"target(c, o) as (\n"
	"  select u.c, u.o from asked a join pg_namespace n on n.nspname = a.nsp join u on\n"
	"     a.kind = 'f' and u.c = 'pg_proc'::regclass and exists (select from pg_proc p where p.oid = u.o and p.pronamespace = n.oid\n"
	"        and p.proname = a.name)\n"
	"     or a.kind = 'o' and u.c = 'pg_operator'::regclass and exists (select from pg_operator p where p.oid = u.o and\n"
	"        p.oprnamespace = n.oid and p.oprname = a.name)\n"
	"     or a.kind = 'r' and u.c = 'pg_class'::regclass and exists (select from pg_class p where p.oid = u.o and\n"
	"        p.relnamespace = n.oid and p.relname = a.name)\n"
	"     or a.kind = 't' and u.c = 'pg_type'::regclass and exists (select from pg_type p where p.oid = u.o and\n"
	"        p.typnamespace = n.oid and p.typname = a.name)),\n"
	"edge(c, o, pc, po, steps) as (\n"
	"  select t.c, t.o, x.c, x.o, 1 from target t cross join lateral (" SQL_HIDDEN("t.c", "t.o") ") x(c, o)\n"
	"  union select e.pc, e.po, x.c, x.o, e.steps + 1 from edge e cross join lateral (" SQL_HIDDEN("e.pc", "e.po") ") x(c, o) where e.steps < 8),\n"
	"up(c, o, steps) as (select c, o, 0 from target union all select pc, po, steps from edge)\n"
	"select i.type || ' ' || i.identity || ': ' || w.why from (select c, o, min(steps) steps from up group by c, o) t\n"
	"  cross join lateral pg_identify_object(t.c, t.o, 0) i cross join lateral (\n"
	"    select case when p.oid in (select oid from nodelocal) then 'it answers for its own server or session'\n"
	"         when p.provolatile = 'v' then 'it is VOLATILE'\n"
	"         when p.oid in (select o from given_sql) then 'it runs SQL that it is given, or answers for its own session'\n"
	"         when p.proargdefaults::text ~ (select rx from given) then 'in the default of an argument ' || " SQL_CALLED("p.proargdefaults::text")
	"         when p.prosrc ~* " SQL_UNSAFE_WORDS "\n"
	"           then 'its body mentions ' || substring(p.prosrc from '(?i)' || " SQL_UNSAFE_WORDS ")\n"
	"         else coalesce('its body mentions ' || (select string_agg(distinct m.name, ', ') from (\n"
	"             select q.proname::text name from u v join pg_proc q on q.oid = v.o where v.c = 'pg_proc'::regclass and q.oid <> p.oid\n"
	"             union all select k.relname from u v join pg_class k on k.oid = v.o where v.c = 'pg_class'::regclass) m\n"
	"             where m.name ~ '^\\w+$' and p.prosrc ~* ('\\m' || m.name || '\\M')),\n"
	"           'its body calls what may write or answers for its own server or session') end\n"
	"      from pg_proc p where t.c = 'pg_proc'::regclass and p.oid = t.o and p.oid in (select oid from badfn)\n"
	"    union all select case when k.relkind = 'S' then 'it is a sequence' when k.relkind = 'f' then 'it is a foreign table'\n"
	"         when k.relpersistence = 'u' then 'it is unlogged' else 'it is temporary' end\n"
	"      from pg_class k where t.c = 'pg_class'::regclass and k.oid = t.o and (k.relkind in ('S','f') or (k.relpersistence in\n"
	"         ('u','t') and k.relkind in ('r','p','v')))\n"
	"    union all select 'it calls ' || b.f::regproc from hides_builtin b where b.c = t.c and b.o = t.o\n"
	"    union all select 'a partition or child of it is unlogged or foreign' from inh where t.c = 'pg_class'::regclass and inh.o = t.o\n"
	"    union all select " SQL_CALLED("r.ev_action::text")
	"      from pg_rewrite r where t.c = 'pg_class'::regclass and r.ev_class = t.o and r.oid = any((select hits from given)::oid[])\n"
	"    union all select 'its policy ' || p.polname || ' is such that ' || " SQL_CALLED("p.polqual::text")
	"      from pg_policy p where t.c = 'pg_class'::regclass and p.polrelid = t.o and p.polcmd in ('r','*') and p.polqual::text ~\n"
	"         (select rx from given)\n"
	"    union all select 'in its check ' || k.conname || ' ' || " SQL_CALLED("k.conbin::text")
	"      from pg_constraint k where t.c = 'pg_type'::regclass and k.contypid = t.o and k.conbin::text ~ (select rx from given)\n"
	"    union all select 'it depends on ' || b.type || ' ' || b.identity from (select distinct c, o, pc, po from edge) e\n"
	"      cross join lateral pg_identify_object(e.pc, e.po, 0) b where e.c = t.c and e.o = t.o\n"
	"  ) w(why) group by t.steps, 1 order by t.steps, 1 limit 12";

const char *
facts_query(enum facts_query query)
{
	switch (query) {
	case FACTS_QUERY_BEGIN:
		return sql_begin;
	case FACTS_QUERY_CHANGE:
		return sql_change;
	case FACTS_QUERY_CHANGE_SLOW:
		return sql_change_slow;
	case FACTS_QUERY_RULES:
		return sql_rules;
	case FACTS_QUERY_PATTERN:
		return sql_pattern;
	case FACTS_QUERY_COMMIT:
		return "commit";
	}
	must(!"a query of the table");
	return "";
}

/* A string constant, as standard_conforming_strings reads it. */
static void
append_quoted(struct bytes *out, const char *text)
{
	bytes_append(out, "'", 1);
	for (const char *at = text; *at != '\0'; at++)
		bytes_append(out, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
	bytes_append(out, "'", 1);
}

/* The oids of "1,2,3" as an array constant; anything else becomes an empty array. */
static void
append_oids(struct bytes *out, const char *oids)
{
	bool is_clean = oids[strspn(oids, "0123456789,")] == '\0';

	bytes_format(out, "'{%s}'", is_clean ? oids : "");
}

void
facts_query_calls(const char *rules, struct bytes *out)
{
	bytes_chars(out, "with " SQL_BUILTINS ",\n");
	facts_append_builtins(out);
	bytes_chars(out, sql_calls_head);
	if (rules != NULL) {
		bytes_chars(out, " where r.oid = any(");
		append_oids(out, rules);
		bytes_chars(out, "::oid[])");
	}
	bytes_chars(out, sql_calls_tail);
}

/* Up to the set of all unsafe objects. */
static void
append_closure(const struct facts_closure *closure, struct bytes *out)
{
	bytes_chars(out, "with recursive given(rx, hits, liars, plpgsql, vouched) as (values (");
	append_quoted(out, closure->pattern);
	bytes_chars(out, "::text, ");
	append_oids(out, closure->hits);
	bytes_chars(out, "::text, ");
	append_oids(out, closure->liars);
	bytes_chars(out, "::text, coalesce((select oid from pg_language where lanname = 'plpgsql'), 0), regexp_split_to_array(");
	append_quoted(out, closure->read_functions != NULL ? closure->read_functions : "");
	bytes_chars(out, ", '[, \t]+'))),\n");
	bytes_chars(out, sql_closure_head);
	if (closure->server_version_num >= 140000)
		bytes_chars(out, sql_closure_bodies);
	bytes_chars(out, sql_closure_tail);
	bytes_chars(out, sql_at);
	bytes_chars(out, sql_unsafe);
}

void
facts_query_closure(const struct facts_closure *closure, struct bytes *out)
{
	append_closure(closure, out);
	bytes_chars(out, sql_closure_rows);
}

void
facts_query_causes(const struct facts_closure *closure, const struct facts_asked *asked, struct bytes *out)
{
	const char kind[2] = {asked->kind, '\0'};

	append_closure(closure, out);
	bytes_chars(out, ", asked(kind, nsp, name) as (values (");
	append_quoted(out, kind);
	bytes_chars(out, ", ");
	append_quoted(out, asked->schema);
	bytes_chars(out, ", ");
	append_quoted(out, asked->name);
	bytes_chars(out, ")),\n");
	bytes_chars(out, sql_causes_rows);
}
