# Where the reads of Rails' ActiveRecord go: see ../test_reads.py.
require "active_record"

CONFIG = { adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], username: ENV["PGUSER"], database: ENV["PGDATABASE"],
  prepared_statements: true, schema_search_path: "public" }
ActiveRecord::Base.establish_connection(CONFIG)

class Note < ActiveRecord::Base
  def self.of(word) = where(v: "reads " + word)
end

class PrimaryNote < ActiveRecord::Base
  self.table_name = "notes"
  establish_connection(CONFIG.merge(variables: { "pgweir.route" => "primary" }))
end

7.times { Note.of("plain").count }
Note.create!(v: "reads write")
Note.transaction { Note.of("transaction").count }
Note.transaction do
  Note.connection.execute("SET TRANSACTION READ ONLY")
  2.times { Note.of("declared").order(:id).first }
end
Note.of("annotated").annotate("pgweir: primary").to_a
Note.of("annotated in the middle").annotate("pgweir: primary").order(:id).limit(1).to_a
PrimaryNote.where(v: "reads variable").count
