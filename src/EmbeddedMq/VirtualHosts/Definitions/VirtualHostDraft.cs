using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A virtual host while its definitions are read.</summary>
/// <param name="name">Its name.</param>
/// <remarks>Not thread-safe. Names count as defined even when their definition is faulty, so that one fault does not make a second one
/// of every binding to it.</remarks>
internal sealed class VirtualHostDraft(string name)
{
    // Exchanges without bindings, made to ask them whether a binding suits their type; null where the declaration is faulty.
    private readonly Dictionary<string, Exchange?> _samples = new(StringComparer.Ordinal);

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

    /// <summary>What is wrong with the type and arguments of an exchange, or <see langword="null"/>.</summary>
    /// <param name="exchange">The exchange.</param>
    internal string? FindFault(ExchangeDeclaration exchange)
    {
        try
        {
            _samples[exchange.Name] = ExchangeFactory.Create(Name, exchange);
            return null;
        }
        catch (ChannelException error)
        {
            _samples[exchange.Name] = null;
            return MqErrors.WithoutConstant(error);
        }
    }

    /// <summary>Why importing leaves a binding out, or <see langword="null"/> where it does not.</summary>
    /// <param name="binding">The binding.</param>
    internal string? ReasonToSkip(BindingDescription binding)
    {
        bool toQueue = binding.DestinationKind == DestinationKind.Queue;
        if (toQueue && SkippedQueues.Contains(binding.Destination))
        {
            return $"skipped, as {MqErrors.QueueIn(Name, binding.Destination)} is";
        }

        return toQueue && binding.Source.Length == 0 && binding.RoutingKey == binding.Destination
            ? "skipped, every queue is bound to the default exchange"
            : null;
    }

    /// <summary>What is wrong with a binding: an end that is missing, or what the type of its exchange refuses.</summary>
    /// <param name="binding">The binding.</param>
    internal IEnumerable<string> FindFaults(BindingDescription binding)
    {
        if (binding.Source.Length == 0)
        {
            return [MqErrors.WithoutConstant(MqErrors.DefaultExchangeOperation())];
        }

        List<string> faults = [];
        bool hasSource = HasExchange(binding.Source);
        if (!hasSource)
        {
            faults.Add(MqErrors.DefinitionLacks(MqErrors.ExchangeIn(Name, binding.Source)));
        }

        if (binding.DestinationKind == DestinationKind.Queue ? !Queues.ContainsKey(binding.Destination) : !HasExchange(binding.Destination))
        {
            faults.Add(MqErrors.DefinitionLacks(binding.DestinationKind == DestinationKind.Queue
                ? MqErrors.QueueIn(Name, binding.Destination)
                : MqErrors.ExchangeIn(Name, binding.Destination)));
        }

        if (hasSource && FindFaultOfType(binding) is { } fault)
        {
            faults.Add(fault);
        }

        return faults;
    }

    /// <summary>The finished definition.</summary>
    internal VirtualHostDefinition ToDefinition() => new(Name)
    {
        Exchanges = [.. Exchanges.Values],
        Policies = [.. Policies.Values],
        Queues = [.. Queues.Values],
        Bindings = [.. Bindings.Distinct()],
    };

    private bool HasExchange(string exchange) => Exchanges.ContainsKey(exchange) || PredeclaredExchanges.Find(exchange) is not null;

    private string? FindFaultOfType(BindingDescription binding)
    {
        if (!_samples.ContainsKey(binding.Source) && PredeclaredExchanges.Find(binding.Source) is { } predeclared)
        {
            FindFault(predeclared);
        }

        try
        {
            Destination destination = new(binding.Destination, binding.DestinationKind);
            _samples.GetValueOrDefault(binding.Source)?.ValidateBinding(new Binding(binding.Source, destination, binding.RoutingKey, binding.Arguments));
            return null;
        }
        catch (ChannelException error)
        {
            return MqErrors.WithoutConstant(error);
        }
    }

    private sealed record Destination(string Name, DestinationKind Kind) : IDestination;
}
