namespace EmbeddedMq.Sql.Schema;

/// <summary>The names of one set of tables, quoted. Immutable.</summary>
internal sealed class TableNames
{
    /// <summary>The version of the tables that this package works with.</summary>
    internal const int SchemaVersion = 1;

    private readonly SqlDialect _dialect;
    private readonly string _prefix;

    /// <summary>Makes the names.</summary>
    /// <param name="dialect">How they are quoted.</param>
    /// <param name="options">Prefix and schema.</param>
    internal TableNames(SqlDialect dialect, SqlStoreOptions options)
    {
        _dialect = dialect;
        _prefix = options.TablePrefix;
        string schema = options.Schema is null ? "" : dialect.Quote(options.Schema) + ".";
        Version = schema + Index("version");
        OutboxInIndex = Index("outbox");
        Outbox = schema + OutboxInIndex;
        ConfirmedInIndex = Index("outbox_confirmed");
        Confirmed = schema + ConfirmedInIndex;
        IdempotenceInIndex = Index("idempotence");
        Idempotence = schema + IdempotenceInIndex;
    }

    /// <summary>The version of the others.</summary>
    internal string Version { get; }

    /// <summary>Messages that are not confirmed.</summary>
    internal string Outbox { get; }

    /// <summary><see cref="Outbox"/> without its schema.</summary>
    internal string OutboxInIndex { get; }

    /// <summary>Messages that are, for as long as they are kept.</summary>
    internal string Confirmed { get; }

    /// <summary><see cref="Confirmed"/> without its schema.</summary>
    internal string ConfirmedInIndex { get; }

    /// <summary>Marks of processed messages.</summary>
    internal string Idempotence { get; }

    /// <summary><see cref="Idempotence"/> without its schema.</summary>
    internal string IdempotenceInIndex { get; }

    /// <summary>A name with the prefix and without the schema, as an index has it.</summary>
    /// <param name="name">The name behind the prefix.</param>
    internal string Index(string name) => _dialect.Quote(_prefix + name);
}
