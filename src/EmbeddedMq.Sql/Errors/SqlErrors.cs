namespace EmbeddedMq.Sql.Errors;

/// <summary>Every error text of this package: what happened, to which object, what to do.</summary>
internal static class SqlErrors
{
    /// <summary>A driver whose database is not known.</summary>
    internal static NotSupportedException UnknownDriver(string connectionType)
        => new($"The database behind '{connectionType}' is not known. Name its dialect in the options: SqlDialect.Sqlite, SqlDialect.PostgreSql or SqlDialect.MySql.");

    /// <summary>A name that no database takes.</summary>
    internal static ArgumentException NoIdentifier(string identifier)
        => new($"'{identifier}' is not a name of a table or column: it is longer than 63 bytes of UTF-8, or has control characters in it.", nameof(identifier));

    /// <summary>There are no tables.</summary>
    internal static InvalidOperationException NoTables(string table, SqlDialect dialect, Exception? cause)
        => new(
            $"The tables of the outbox and of idempotence are missing: there is no {table}, or nothing in it. Make them with SqlSchema.CreateAsync(dataSource), " +
            $"or with the script that SqlSchema.Script(SqlDialect.{dialect.Name switch { "SQLite" => "Sqlite", "PostgreSQL" => "PostgreSql", _ => "MySql" }}) gives, " +
            "or set CreateTables in the options. Prefix and schema must be those of the store's options.",
            cause);

    /// <summary>The tables are another version's.</summary>
    internal static InvalidOperationException OtherVersion(string table, long found, int known)
        => new($"The tables are of version {found} by {table}, and this version of EmbeddedMq.Sql works with version {known}. Use the version of the package that made them.");

    /// <summary>A message is stored whose id is known.</summary>
    internal static ArgumentException AlreadyInOutbox(IReadOnlyList<OutboxMessage> messages, string parameter, Exception cause)
        => new(
            (messages.Count == 1 ? $"Message '{messages[0].Id}'" : $"One of the {messages.Count} messages from '{messages[0].Id}' on") +
            " is in the outbox already. Nothing was stored. Give each message an id of its own, or leave out what is stored already.",
            parameter,
            cause);

    /// <summary>A text is longer than its column.</summary>
    internal static ArgumentException Length(string what, int bytes, int least, string parameter)
        => new($"The {what} has {bytes} bytes of UTF-8. It may have {least} to 255.", parameter);

    /// <summary>A transaction that is not of the outbox's database.</summary>
    internal static ArgumentException TransactionEnded()
        => new("The transaction has ended: it has no connection. Store the message before it is committed or rolled back.", "transaction");

    /// <summary>The outbox keeps its messages elsewhere.</summary>
    internal static InvalidOperationException OutboxNotInSql(IOutboxStore store)
        => new($"The outbox keeps its messages in a {store.GetType().Name}, which knows nothing of database transactions. Configure it with mq.Outbox(outbox => outbox.UseSql(…)).");

    /// <summary>The right to write did not come in time.</summary>
    internal static TimeoutException NoTurn(TimeSpan waited)
        => new($"The SQLite database was being written by others in this process for {waited.TotalSeconds:F0} s. Keep transactions short, and let " +
            "handlers write through the transaction that they are given: a second connection would wait for the first for ever.");

    /// <summary>A handler's scope has no place for the transaction.</summary>
    internal static InvalidOperationException NoTransactionService(Exception? cause)
        => new(
            "The handler's services have no SqlMessageTransaction, by which the store hands its transaction to the handler. Configure the store with " +
            "mq.Idempotence(idempotence => idempotence.UseSql(…)), or register it: services.AddScoped<SqlMessageTransaction>().",
            cause);

    /// <summary>There is no transaction to work in.</summary>
    internal static InvalidOperationException NoTransaction()
        => new("There is no transaction of the message being handled: the consumer is not idempotent with a SQL store, or its handler has ended. " +
            "Use SqlMessageTransaction within the handler of a consumer with Idempotent().");

    /// <summary>A claim that was not granted is used.</summary>
    internal static InvalidOperationException NotClaimed(IdempotenceKey key, ClaimOutcome outcome)
        => new($"Message '{key.MessageId}' of '{key.Scope}' was not claimed but {outcome}: there is nothing to complete, and no transaction.");

    /// <summary>A claim is used after its end.</summary>
    internal static InvalidOperationException ClaimEnded(IdempotenceKey key)
        => new($"The claim on message '{key.MessageId}' of '{key.Scope}' has ended: it was completed, given up or failed.");

    /// <summary>The handler has ended the transaction.</summary>
    internal static InvalidOperationException TransactionTaken(IdempotenceKey key)
        => new($"The transaction of message '{key.MessageId}' of '{key.Scope}' was committed or rolled back by its handler. Leave that to the consumer: it commits " +
            "what the handler did together with the mark that the message was processed.");

    /// <summary>Messages are given to a claim that cannot take them.</summary>
    internal static InvalidOperationException TakesNoOutgoing()
        => new("This store has no outbox in its database and takes no outgoing messages. Configure both with mq.UseSql(…), or set SqlIdempotenceOptions.Outbox.");

    /// <summary>An outbox on another database.</summary>
    internal static ArgumentException OutboxElsewhere()
        => new("The outbox is in another data source than the marks, so no transaction covers both. Give both stores the same DbDataSource.", "options");

    /// <summary>A stored message is of a later version.</summary>
    internal static InvalidOperationException UnknownFormat(string id, byte version)
        => new($"The properties of message '{id}' in the outbox are in format {version}, which this version of EmbeddedMq.Sql does not know. Use the version that stored it.");

    /// <summary>An update that names no row.</summary>
    internal static ArgumentException NoKey()
        => new("A version-checked update needs a table, and a key with at least one column: without one it would change every row of that version.");
}
