namespace EmbeddedMq.VirtualHosts;

/// <summary>A virtual host while its definitions are read.</summary>
/// <param name="name">Its name.</param>
/// <remarks>Not thread-safe. Names count as defined even when their definition is faulty, so that one fault does not make a second one
/// of every binding to it.</remarks>
internal sealed class VirtualHostDraft(string name)
{
    /// <summary>Its name.</summary>
    internal string Name { get; } = name;

    /// <summary>Exchanges by name, in the file's order.</summary>
    internal OrderedDictionary<string, ExchangeDeclaration> Exchanges { get; } = new(StringComparer.Ordinal);

    /// <summary>Queues by name, in the file's order.</summary>
    internal OrderedDictionary<string, QueueDeclaration> Queues { get; } = new(StringComparer.Ordinal);

    /// <summary>Queues of the file that importing leaves out.</summary>
    internal HashSet<string> SkippedQueues { get; } = new(StringComparer.Ordinal);

    /// <summary>Policies by name, in the file's order.</summary>
    internal OrderedDictionary<string, Policy> Policies { get; } = new(StringComparer.Ordinal);

    /// <summary>Bindings, in the file's order; one that comes twice is one.</summary>
    internal List<BindingDescription> Bindings { get; } = [];

    /// <summary>Takes a definition.</summary>
    /// <returns>Whether it is the first of its name, or equal to the first.</returns>
    /// <param name="definitions">The definitions of its kind.</param>
    /// <param name="definitionName">Its name.</param>
    /// <param name="definition">The definition.</param>
    /// <typeparam name="T">The kind.</typeparam>
    internal static bool TryAdd<T>(OrderedDictionary<string, T> definitions, string definitionName, T definition)
        where T : notnull
        => definitions.TryAdd(definitionName, definition) || definitions[definitionName].Equals(definition);

    /// <summary>Whether an exchange is there: defined, or present in every virtual host.</summary>
    /// <param name="exchange">Its name.</param>
    internal bool HasExchange(string exchange) => Exchanges.ContainsKey(exchange) || PredeclaredExchanges.Find(exchange) is not null;

    /// <summary>The finished definition.</summary>
    internal VirtualHostDefinition ToDefinition() => new(Name)
    {
        Exchanges = [.. Exchanges.Values],
        Policies = [.. Policies.Values],
        Queues = [.. Queues.Values],
        Bindings = [.. Bindings.Distinct()],
    };
}
