namespace EmbeddedMq;

/// <summary>An exchange as it is declared. Immutable: each method returns a changed copy.</summary>
/// <param name="Name">Its name: 1 to 255 bytes of UTF-8, not beginning with <c>amq.</c> unless it exists already.</param>
/// <param name="Type">One of <see cref="ExchangeType"/>.</param>
public sealed record ExchangeDeclaration(string Name, string Type)
{
    /// <summary>Whether it survives a restart of a broker that stores. Default <see langword="false"/>.</summary>
    public bool IsDurable { get; init; }

    /// <summary>Whether it goes when its last binding as a source has gone. Default <see langword="false"/>.</summary>
    public bool IsAutoDelete { get; init; }

    /// <summary>Whether only exchanges, not applications, may publish to it. Default <see langword="false"/>.</summary>
    public bool IsInternal { get; init; }

    /// <summary>Arguments. Unknown ones are kept and shown, without effect.</summary>
    public HeaderTable Arguments { get; init; } = HeaderTable.Empty;

    /// <summary>Survives a restart of a broker that stores.</summary>
    public ExchangeDeclaration Durable() => this with { IsDurable = true };

    /// <summary>Goes when its last binding as a source has gone; not before it had one.</summary>
    public ExchangeDeclaration AutoDelete() => this with { IsAutoDelete = true };

    /// <summary>Takes messages from other exchanges only.</summary>
    public ExchangeDeclaration Internal() => this with { IsInternal = true };

    /// <summary>Sends what no key routes to another exchange (<c>alternate-exchange</c>), which need not exist.</summary>
    /// <param name="exchange">That exchange.</param>
    public ExchangeDeclaration AlternateExchange(string exchange) => WithArgument("alternate-exchange", exchange);

    /// <summary>Sets one argument.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public ExchangeDeclaration WithArgument(string name, object? value) => this with { Arguments = Arguments.With(name, value) };
}
