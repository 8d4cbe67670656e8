using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using EmbeddedMq.Errors;

namespace EmbeddedMq;

/// <summary>Writes and reads bodies as JSON in UTF-8 with System.Text.Json: the serializer that is used unless another is chosen.</summary>
/// <remarks>
/// <para>With source-generated contexts it needs no reflection and works in a trimmed or natively compiled application. Without any, the
/// contract of a type is made by reflection, as ASP.NET Core does it (camel case, names matched in any case), if the application has not
/// turned reflection off (<see cref="JsonSerializer.IsReflectionEnabledByDefault"/>).</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed class JsonMessageSerializer : IMessageSerializer
{
    private static readonly byte[] Utf8Mark = [0xEF, 0xBB, 0xBF];

    // What a writer that waits for its next use refers to. Nothing is written to it; a stream would have the writer make a buffer each time.
    private static readonly ArrayBufferWriter<byte> Nowhere = new();

    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    private readonly JsonSerializerContext[] _contexts;
    private readonly JsonSerializerOptions? _options;
    private readonly ConcurrentDictionary<Type, JsonTypeInfo> _contracts = new();

    /// <summary>Uses source-generated contexts, each with the options it was generated with; of two that know a type the first counts.</summary>
    /// <param name="contexts">The contexts, for example <c>AppJsonContext.Default</c>. None: contracts are made by reflection where that is allowed.</param>
    public JsonMessageSerializer(params JsonSerializerContext[] contexts)
    {
        ArgumentNullException.ThrowIfNull(contexts);
        _contexts = contexts;
        _options = contexts.Length == 0 && JsonSerializer.IsReflectionEnabledByDefault ? ReflectionOptions() : null;
    }

    /// <summary>Uses given options, and nothing besides: they must have a resolver that knows the types.</summary>
    /// <param name="options">The options; they can no longer be changed.</param>
    public JsonMessageSerializer(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.MakeReadOnly();
        _contexts = [];
        _options = options;
    }

    /// <inheritdoc/>
    public string ContentType => "application/json";

    /// <inheritdoc/>
    public void Check<T>() => Contract<T>();

    /// <inheritdoc/>
    public void CheckReading<T>()
    {
        JsonTypeInfo<T> contract = Contract<T>();

        // What is read without a converter, a collection's rules or a name of the class in the JSON has to be made as what it is.
        if (typeof(T).IsAbstract && contract is { Kind: JsonTypeInfoKind.Object, CreateObject: null, PolymorphismOptions: null })
        {
            throw MqErrors.NotToBeMade(typeof(T));
        }
    }

    /// <inheritdoc/>
    public void Serialize<T>(T value, IBufferWriter<byte> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        JsonTypeInfo<T> contract = Contract<T>();
        Utf8JsonWriter writer = RentWriter(contract.Options, body);
        JsonSerializer.Serialize(writer, value, contract);
        writer.Flush();
        writer.Reset(Nowhere);
        _writer = writer;
    }

    /// <inheritdoc/>
    public T? Deserialize<T>(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        ReadOnlySpan<byte> body = message.Body.Span;
        if (body.StartsWith(Utf8Mark))
        {
            body = body[Utf8Mark.Length..];
        }

        return JsonSerializer.Deserialize(body, Contract<T>());
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Called only where the application's feature switch allows reflection; a trimmed one turns it off.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Called only where the application's feature switch allows reflection; a native one turns it off.")]
    private static JsonSerializerOptions ReflectionOptions()
    {
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        options.MakeReadOnly();
        return options;
    }

    // Taken from the thread while in use: a converter may serialize something else.
    private static Utf8JsonWriter RentWriter(JsonSerializerOptions options, IBufferWriter<byte> body)
    {
        Utf8JsonWriter? writer = _writer;
        _writer = null;
        if (writer is not null && ReferenceEquals(writer.Options.Encoder, options.Encoder) && writer.Options.Indented == options.WriteIndented)
        {
            writer.Reset(body);
            return writer;
        }

        return new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = options.Encoder, Indented = options.WriteIndented, SkipValidation = true });
    }

    private JsonTypeInfo<T> Contract<T>()
        => (JsonTypeInfo<T>)(_contracts.TryGetValue(typeof(T), out JsonTypeInfo? contract) ? contract : _contracts.GetOrAdd(typeof(T), FindContract));

    private JsonTypeInfo FindContract(Type type)
    {
        foreach (JsonSerializerContext context in _contexts)
        {
            if (context.GetTypeInfo(type) is { } contract)
            {
                return contract;
            }
        }

        string? names = _contexts.Length == 0 ? null : string.Join(", ", _contexts.Select(static context => context.GetType().Name));
        try
        {
            return _options?.GetTypeInfo(type) ?? throw MqErrors.NoJsonContract(type, names, null);
        }
        catch (NotSupportedException error)
        {
            throw MqErrors.NoJsonContract(type, names ?? _options?.TypeInfoResolver?.GetType().Name, error);
        }
    }
}
