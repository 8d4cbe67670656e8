using System.Text;
using System.Text.Json;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;

namespace EmbeddedMq.VirtualHosts;

/// <summary>One object of a definitions file while it is read: hands out its values and notes what is wrong with them.</summary>
/// <remarks>Not thread-safe; lives for the reading of one object. After a fault a getter answers with a stand-in, so that reading goes on
/// and finds the next fault.</remarks>
internal sealed class DefinitionEntry
{
    private readonly JsonElement _element;
    private readonly List<string> _errors;
    private readonly int _errorsBefore;

    private DefinitionEntry(JsonElement element, string place, List<string> errors)
    {
        _element = element;
        _errors = errors;
        _errorsBefore = errors.Count;
        Place = place;
    }

    /// <summary>Where it is: <c>queues[3]</c>, and what it is once that is known.</summary>
    internal string Place { get; private set; }

    /// <summary>Whether nothing was wrong with it so far.</summary>
    internal bool IsValid => _errors.Count == _errorsBefore;

    /// <summary>The objects of a list; what is no list or no object is an error.</summary>
    /// <param name="section">The list.</param>
    /// <param name="key">Its key.</param>
    /// <param name="errors">Takes the errors.</param>
    internal static IEnumerable<DefinitionEntry> ReadAll(JsonElement section, string key, List<string> errors)
    {
        if (section.ValueKind is not JsonValueKind.Array)
        {
            errors.Add(MqErrors.DefinitionFault(key, "should be a list of objects"));
            yield break;
        }

        int index = 0;
        foreach (JsonElement element in section.EnumerateArray())
        {
            string place = $"{key}[{index++}]";
            if (element.ValueKind is JsonValueKind.Object)
            {
                yield return new DefinitionEntry(element, place, errors);
            }
            else
            {
                errors.Add(MqErrors.DefinitionFault(place, "should be an object"));
            }
        }
    }

    /// <summary>Says what it is, for the errors from here on.</summary>
    /// <param name="description">What it is: <c>queue 'q' in vhost '/'</c>.</param>
    internal void DescribeAs(string description) => Place = $"{Place} ({description})";

    /// <summary>Notes a fault.</summary>
    /// <param name="fault">What is wrong.</param>
    internal void Add(string fault) => _errors.Add(MqErrors.DefinitionFault(Place, fault));

    /// <summary>Notes something that the broker does not have and that would change what it does.</summary>
    /// <param name="what">What it is.</param>
    /// <param name="advice">What to do.</param>
    internal void AddNotSupported(string what, string advice) => _errors.Add(MqErrors.DefinitionNotSupported(Place, what, advice));

    /// <summary>Notes an error that names the place itself.</summary>
    /// <param name="error">The error.</param>
    internal void AddError(string error) => _errors.Add(error);

    /// <summary>The JSON under a key, if there is any but null.</summary>
    /// <param name="key">The key.</param>
    internal JsonElement? Find(string key)
        => _element.TryGetProperty(key, out JsonElement value) && value.ValueKind is not JsonValueKind.Null ? value : null;

    /// <summary>A text that must be there.</summary>
    /// <param name="key">Its key.</param>
    internal string Text(string key)
    {
        if (Find(key) is null)
        {
            _errors.Add(MqErrors.DefinitionKeyMissing(Place, key));
        }

        return Text(key, "");
    }

    /// <summary>A text.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="whenAbsent">What it is when the key is absent.</param>
    internal string Text(string key, string whenAbsent)
    {
        if (Find(key) is not { } value)
        {
            return whenAbsent;
        }

        if (value.ValueKind is JsonValueKind.String)
        {
            return value.GetString()!;
        }

        _errors.Add(MqErrors.DefinitionOfWrongType(Place, key, "a string", value.GetRawText()));
        return whenAbsent;
    }

    /// <summary>A text of at most 255 bytes that must be there, as AMQP's names and keys are.</summary>
    /// <param name="key">Its key.</param>
    internal string ShortText(string key)
    {
        string text = Text(key);
        if (text.Length > 85 && Encoding.UTF8.GetByteCount(text) > 255)
        {
            Add($"'{key}' is longer than 255 bytes of UTF-8");
        }

        return text;
    }

    /// <summary>A <see cref="ShortText"/> that is not empty.</summary>
    /// <param name="key">Its key.</param>
    internal string Name(string key)
    {
        string name = ShortText(key);
        if (name.Length == 0 && Find(key) is { ValueKind: JsonValueKind.String })
        {
            Add($"'{key}' is empty");
        }

        return name;
    }

    /// <summary>A boolean.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="whenAbsent">What it is when the key is absent.</param>
    internal bool Flag(string key, bool whenAbsent)
    {
        if (Find(key) is not { } value)
        {
            return whenAbsent;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        _errors.Add(MqErrors.DefinitionOfWrongType(Place, key, "true or false", value.GetRawText()));
        return whenAbsent;
    }

    /// <summary>An integer.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="whenAbsent">What it is when the key is absent.</param>
    internal int Integer(string key, int whenAbsent)
    {
        if (Find(key) is not { } value)
        {
            return whenAbsent;
        }

        if (value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out int number))
        {
            return number;
        }

        _errors.Add(MqErrors.DefinitionOfWrongType(Place, key, "an integer of 32 bits", value.GetRawText()));
        return whenAbsent;
    }

    /// <summary>A field table; absent means empty.</summary>
    /// <param name="key">Its key.</param>
    internal HeaderTable Table(string key)
        => Find(key) is { } value ? DefinitionValues.ReadTable(value, $"{Place}.{key}", _errors) : HeaderTable.Empty;

    /// <summary>The arguments of a declaration or a binding; absent means empty.</summary>
    internal HeaderTable Arguments()
    {
        HeaderTable arguments = Table("arguments");
        if (HeaderSize.Exceeds(arguments, HeaderSize.MaxArgumentBytes, out long bytes))
        {
            Add(MqErrors.DefinitionArgumentsTooLong(bytes, HeaderSize.MaxArgumentBytes));
        }

        return arguments;
    }

    /// <summary>Refuses every key that was not asked for, unless it says nothing: null, or an empty list, object or string.</summary>
    /// <param name="known">The keys asked for.</param>
    internal void RefuseOthers(params ReadOnlySpan<string> known)
    {
        foreach (JsonProperty property in _element.EnumerateObject())
        {
            if (!known.Contains(property.Name) && !SaysNothing(property.Value))
            {
                _errors.Add(MqErrors.DefinitionKeyUnknown(Place, property.Name));
            }
        }
    }

    /// <summary>Whether a value says nothing: null, or an empty list, object or string.</summary>
    /// <param name="value">The value.</param>
    internal static bool SaysNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };
}
