namespace EmbeddedMq.Bindings;

/// <summary>A rule that leads messages from an exchange to a destination. Immutable.</summary>
/// <remarks>
/// Two bindings are one and the same when source, destination (kind and name), routing key and arguments are equal, the arguments deep and
/// whatever their order: the same key with other arguments is a second binding, and unbinding needs the identical arguments.
/// Source: AMQP 0-9-1 §1.7.2.3 queue.bind; RabbitMQ's binding record.
/// </remarks>
/// <param name="source">The name of the exchange that routes.</param>
/// <param name="destination">The queue or exchange that receives.</param>
/// <param name="routingKey">The binding key, at most 255 bytes of UTF-8; what it means is up to the exchange's type.</param>
/// <param name="arguments">The arguments; only some types of exchange look at them.</param>
internal sealed class Binding(string source, IDestination destination, string routingKey, HeaderTable arguments) : IEquatable<Binding>
{
    /// <summary>The name of the exchange that routes.</summary>
    internal string Source { get; } = source;

    /// <summary>The queue or exchange that receives.</summary>
    internal IDestination Destination { get; } = destination;

    /// <summary>The binding key.</summary>
    internal string RoutingKey { get; } = routingKey;

    /// <summary>The arguments.</summary>
    internal HeaderTable Arguments { get; } = arguments;

    /// <summary>The binding as a listing shows it.</summary>
    internal BindingDescription Describe() => new(Source, Destination.Name, Destination.Kind, RoutingKey, Arguments);

    /// <inheritdoc/>
    public bool Equals(Binding? other)
        => ReferenceEquals(this, other)
        || (other is not null
            && Destination.Kind == other.Destination.Kind
            && string.Equals(RoutingKey, other.RoutingKey, StringComparison.Ordinal)
            && string.Equals(Destination.Name, other.Destination.Name, StringComparison.Ordinal)
            && string.Equals(Source, other.Source, StringComparison.Ordinal)
            && Arguments.Equals(other.Arguments));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Binding);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Source, StringComparer.Ordinal);
        hash.Add(Destination.Name, StringComparer.Ordinal);
        hash.Add(RoutingKey, StringComparer.Ordinal);
        hash.Add(HashOfArguments());
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Source} -[{RoutingKey}]-> {Destination.Kind} {Destination.Name}";

    // The values count, unlike in the table's own hash code: a headers exchange may have a million bindings of one queue that differ in a
    // value only, and each must be found without looking at the others. A sum, because the order of arguments does not matter.
    private int HashOfArguments()
    {
        int hash = 0;
        foreach (KeyValuePair<string, object?> argument in Arguments.Entries)
        {
            hash += HashCode.Combine(string.GetHashCode(argument.Key, StringComparison.Ordinal), HashOf(argument.Value));
        }

        return hash;
    }

    private static int HashOf(object? value)
    {
        if (value is byte[] bytes)
        {
            HashCode hash = default;
            hash.AddBytes(bytes);
            return hash.ToHashCode();
        }

        if (value is HeaderTable or not IReadOnlyList<object?>)
        {
            return value?.GetHashCode() ?? 0;
        }

        HashCode list = default;
        foreach (object? item in (IReadOnlyList<object?>)value)
        {
            list.Add(HashOf(item));
        }

        return list.ToHashCode();
    }
}
