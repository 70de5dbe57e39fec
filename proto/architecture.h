#ifndef PROTO_ARCHITECTURE_H_
#define PROTO_ARCHITECTURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/gpt2.h"
#include "proto/llama.h"

namespace penstock {

// A model that is trained, whichever it is. Code that only needs what all of
// them have takes this and asks with the functions below.
using Architecture = std::variant<Gpt2Config, LlamaConfig>;

// "gpt2" or "llama", as in job files.
std::string NameOf(const Architecture& model);

int64_t LayersOf(const Architecture& model);
int64_t HiddenOf(const Architecture& model);
int64_t SequenceLengthOf(const Architecture& model);
void SetSequenceLength(Architecture& model, int64_t sequence_length);
int64_t VocabularyOf(const Architecture& model);
// Whether the head's weight is the embedding's.
bool HasTiedEmbeddings(const Architecture& model);

// The units that a partition may cut between: unit 0 is the embedding, the last
// one final norm, head and loss, each of the others one block.
int64_t UnitCount(const Architecture& model);
std::vector<Parameter> UnitParameters(const Architecture& model, int64_t unit);
BlockShape ShapeOfBlock(const Architecture& model);
HeadShape ShapeOfHead(const Architecture& model);
UnitCost CostOfUnit(const Architecture& model, int64_t unit,
                    const PassShape& pass);

// All parameters in model order, each once. The first is the token table.
std::vector<Parameter> AllParameters(const Architecture& model);

// Every field of the configuration with its value as text, by the names of job
// files, after {"model", NameOf(model)}. Two models are the same if and only if
// these are.
std::vector<std::pair<std::string, std::string>> FieldsOf(
    const Architecture& model);

}  // namespace penstock

#endif  // PROTO_ARCHITECTURE_H_
