namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Where messages of one type go. Immutable.</summary>
/// <typeparam name="T">The type.</typeparam>
internal sealed record PublishRoute<T> : PublishRoute
{
    /// <summary>The route of a type for which none was configured: every publish must say where to.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1000:Do not declare static members on generic types", Justification = "One shared value for each type is the point.")]
    public static PublishRoute<T> Unrouted { get; } = new() { TypeName = NameOf(typeof(T)) };

    /// <summary>Makes the routing key; <see langword="null"/>: <see cref="PublishRoute.RoutingKey"/> counts.</summary>
    public Func<T, string>? RoutingKeyOf { get; init; }

    /// <summary>Reads the message id.</summary>
    public Func<T, string?>? MessageIdOf { get; init; }

    /// <summary>Reads the correlation id.</summary>
    public Func<T, string?>? CorrelationIdOf { get; init; }

    /// <summary>Headers read from the message.</summary>
    public KeyValuePair<string, Func<T, object?>>[] Headers { get; init; } = [];

    /// <inheritdoc/>
    public override void Check(IMessageSerializer serializer) => serializer.Check<T>();
}
