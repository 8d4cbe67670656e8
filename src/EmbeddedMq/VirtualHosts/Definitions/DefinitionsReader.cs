using System.Text.Json;
using EmbeddedMq.Errors;
using EmbeddedMq.Queues;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Reads definitions files of RabbitMQ and of EmbeddedMq.</summary>
/// <remarks>
/// <para>Everything is checked before anything is handed back, and all errors are reported at once, each with its place. What would be
/// lost is an error; what changes nothing here is passed over and listed in <see cref="Definitions.Ignored"/>, see
/// <see cref="ForeignDefinitions"/>.</para>
/// <para>As RabbitMQ 4 does: an absent <c>durable</c> means true, an absent <c>auto_delete</c> or <c>internal</c> false; exchanges and queues
/// with names that begin with <c>amq.</c> are skipped. Two equal entries are one.</para>
/// </remarks>
internal sealed class DefinitionsReader
{
    private const string DefaultVirtualHost = "/";

    private readonly List<string> _errors = [];
    private readonly List<string> _ignored = [];
    private readonly OrderedDictionary<string, VirtualHostDraft> _virtualHosts = new(StringComparer.Ordinal);

    private DefinitionsReader()
    {
    }

    /// <summary>Reads a definitions file to its end.</summary>
    /// <param name="source">UTF-8 JSON; stays open.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="DefinitionsException">It is not valid, or holds what is not supported.</exception>
    internal static async ValueTask<Definitions> ReadAsync(Stream source, CancellationToken cancellationToken = default)
    {
        try
        {
            // Of two equal keys one would be lost without a word.
            JsonDocumentOptions options = new() { AllowDuplicateProperties = false };
            using JsonDocument document = await JsonDocument.ParseAsync(source, options, cancellationToken).ConfigureAwait(false);
            return document.RootElement.ValueKind is JsonValueKind.Object
                ? new DefinitionsReader().Read(document.RootElement)
                : throw new DefinitionsException([MqErrors.DefinitionsNotJson("its root is of another kind")]);
        }
        catch (JsonException error)
        {
            throw new DefinitionsException([MqErrors.DefinitionsNotJson(error.Message)]);
        }
    }

    private Definitions Read(JsonElement root)
    {
        // In an order in which every reference leads back to what has been read.
        ReadSection(root, "vhosts", ReadVirtualHost);
        ReadSection(root, "exchanges", ReadExchange);
        ReadSection(root, "policies", ReadPolicy);
        ReadSection(root, "queues", ReadQueue);
        ReadSection(root, "bindings", ReadBinding);
        ForeignDefinitions.Check(root, _errors, _ignored);
        return _errors.Count > 0
            ? throw new DefinitionsException(_errors)
            : new Definitions([.. _virtualHosts.Values.Select(static host => host.ToDefinition())]) { Ignored = _ignored };
    }

    private void ReadSection(JsonElement root, string key, Action<DefinitionEntry> read)
    {
        if (!root.TryGetProperty(key, out JsonElement section) || section.ValueKind is JsonValueKind.Null)
        {
            return;
        }

        try
        {
            foreach (DefinitionEntry entry in DefinitionEntry.ReadAll(section, key, _errors))
            {
                read(entry);
            }
        }
        catch (InvalidOperationException error)
        {
            // How JsonElement says that a text is not Unicode: half a surrogate pair, or bytes that are not UTF-8.
            _errors.Add(MqErrors.DefinitionFault(key, error.Message));
        }
    }

    private void ReadVirtualHost(DefinitionEntry entry)
    {
        string name = entry.Name("name");
        entry.DescribeAs($"vhost '{name}'");
        ForeignDefinitions.CheckVirtualHost(entry, _ignored);
        _virtualHosts.TryAdd(name, new VirtualHostDraft(name));
    }

    private void ReadExchange(DefinitionEntry entry)
    {
        VirtualHostDraft host = VirtualHostOf(entry, "name", "exchange", out string name);
        ExchangeDeclaration exchange = new(name, entry.Text("type"))
        {
            IsDurable = entry.Flag("durable", whenAbsent: true),
            IsAutoDelete = entry.Flag("auto_delete", whenAbsent: false),
            IsInternal = entry.Flag("internal", whenAbsent: false),
            Arguments = entry.Arguments(),
        };
        entry.RefuseOthers("vhost", "name", "type", "durable", "auto_delete", "internal", "arguments", "user_who_performed_action");
        if (name.StartsWith("amq.", StringComparison.Ordinal) || name.Length == 0)
        {
            SkipSystemExchange(entry, exchange);
            return;
        }

        if (entry.IsValid && host.FindFault(exchange) is { } fault)
        {
            entry.Add(fault);
        }

        AddTo(host.Exchanges, name, exchange, entry, "exchanges");
    }

    private void SkipSystemExchange(DefinitionEntry entry, ExchangeDeclaration exchange)
    {
        if (PredeclaredExchanges.Find(exchange.Name) is { } predeclared && predeclared.Type != exchange.Type)
        {
            entry.Add($"every vhost has it with the type '{predeclared.Type}', not '{exchange.Type}'");
        }

        Ignore(entry, "skipped, it is the broker's own");
    }

    private void ReadPolicy(DefinitionEntry entry)
    {
        VirtualHostDraft host = VirtualHostOf(entry, "name", "policy", out string name);
        string target = entry.Text("apply-to", "all");
        if (PolicyTargetNames.Parse(target) is not { } applyTo)
        {
            entry.Add($"apply-to '{target}' unrecognised; should be {PolicyTargetNames.All}");
            applyTo = PolicyTarget.All;
        }

        if (entry.Find("definition") is null)
        {
            entry.AddError(MqErrors.DefinitionKeyMissing(entry.Place, "definition"));
        }

        Policy policy = new(name, entry.Text("pattern"), entry.Table("definition")) { ApplyTo = applyTo, Priority = entry.Integer("priority", 0) };
        entry.RefuseOthers("vhost", "name", "pattern", "apply-to", "definition", "priority");
        if (entry.IsValid)
        {
            foreach (string fault in PolicyStore.FindFaults(policy))
            {
                entry.Add(fault);
            }
        }

        AddTo(host.Policies, name, policy, entry, "policies");
    }

    private void ReadQueue(DefinitionEntry entry)
    {
        VirtualHostDraft host = VirtualHostOf(entry, "name", "queue", out string name);
        QueueDeclaration queue = new(name)
        {
            IsDurable = entry.Flag("durable", whenAbsent: true),
            IsAutoDelete = entry.Flag("auto_delete", whenAbsent: false),
            Arguments = ArgumentsWithType(entry),
        };
        if (entry.Flag("exclusive", whenAbsent: false))
        {
            entry.Add("an exclusive queue belongs to a connection and cannot be imported");
        }

        entry.RefuseOthers("vhost", "name", "type", "durable", "auto_delete", "exclusive", "arguments", "user_who_performed_action");
        if (name.StartsWith("amq.", StringComparison.Ordinal))
        {
            host.SkippedQueues.Add(name);
            Ignore(entry, "skipped, names that begin with 'amq.' are the broker's to give");
            return;
        }

        if (entry.IsValid && QueueArguments.FindFault(host.Name, queue) is { } fault)
        {
            entry.Add(MqErrors.WithoutConstant(fault));
        }

        AddTo(host.Queues, name, queue, entry, "queues");
    }

    /// <summary>The arguments, with <c>x-queue-type</c> where only the key <c>type</c> says it.</summary>
    private static HeaderTable ArgumentsWithType(DefinitionEntry entry)
    {
        HeaderTable arguments = entry.Arguments();
        string type = entry.Text("type", "");
        if (type.Length == 0)
        {
            return arguments;
        }

        if (!arguments.TryGetValue(QueueArgument.QueueType, out object? argument))
        {
            return type == "classic" ? arguments : arguments.With(QueueArgument.QueueType, type);
        }

        if (argument is not string inArguments || inArguments != type)
        {
            entry.Add($"'type' says '{type}', but x-queue-type '{ErlangTerm.FormatBare(argument)}'");
        }

        return arguments;
    }

    private void ReadBinding(DefinitionEntry entry)
    {
        VirtualHostDraft host = VirtualHostOf(entry, "source", "binding from exchange", out string source);
        string destination = entry.Name("destination");
        string kind = entry.Text("destination_type");
        BindingDescription binding = new(
            source,
            destination,
            kind == "exchange" ? DestinationKind.Exchange : DestinationKind.Queue,
            entry.ShortText("routing_key"),
            entry.Arguments());
        entry.RefuseOthers("vhost", "source", "destination", "destination_type", "routing_key", "arguments", "properties_key");
        if (kind is not ("queue" or "exchange"))
        {
            entry.Add($"destination_type '{kind}' should be 'queue' or 'exchange'");
        }

        if (!entry.IsValid)
        {
            return;
        }

        if (host.ReasonToSkip(binding) is { } reason)
        {
            Ignore(entry, reason);
            return;
        }

        foreach (string fault in host.FindFaults(binding))
        {
            entry.Add(fault);
        }

        if (entry.IsValid)
        {
            host.Bindings.Add(binding);
        }
    }

    /// <summary>Reads the virtual host and name of an object; from here on errors name them.</summary>
    private VirtualHostDraft VirtualHostOf(DefinitionEntry entry, string nameKey, string kind, out string name)
    {
        string virtualHost = entry.Text("vhost");

        // The default exchange has the empty name; all else has a name.
        name = kind.EndsWith("exchange", StringComparison.Ordinal) ? entry.ShortText(nameKey) : entry.Name(nameKey);
        entry.DescribeAs($"{kind} '{name}' in vhost '{virtualHost}'");
        if (_virtualHosts.TryGetValue(virtualHost, out VirtualHostDraft? host))
        {
            return host;
        }

        host = new VirtualHostDraft(virtualHost);
        if (virtualHost == DefaultVirtualHost)
        {
            // Every broker has it from its beginning.
            _virtualHosts.Add(virtualHost, host);
        }
        else if (entry.Find("vhost") is { ValueKind: JsonValueKind.String })
        {
            entry.AddError(MqErrors.DefinitionOfUnknownVirtualHost(entry.Place, virtualHost));
        }

        return host;
    }

    private static void AddTo<T>(OrderedDictionary<string, T> definitions, string name, T definition, DefinitionEntry entry, string key)
        where T : notnull
    {
        if (!VirtualHostDraft.TryAdd(definitions, name, definition))
        {
            entry.AddError(MqErrors.DefinitionContradicted(entry.Place, key));
        }
    }

    private void Ignore(DefinitionEntry entry, string why)
    {
        if (entry.IsValid)
        {
            _ignored.Add(MqErrors.DefinitionFault(entry.Place, why));
        }
    }
}
